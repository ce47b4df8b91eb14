public import Configurations
internal import Foundation
public import Problems
public import TensorCore

/// Multistep DPM-Solver (Lu et al. 2022, arXiv:2206.00927) and DPM-Solver++ (arXiv:2211.01095) of the first to the third order, and the
/// stochastic forms of both. The second-order DPM-Solver++ is known as DPM++ 2M.
public struct DPMSolverMultistepSampler: Sampler {
    public let steps: [SamplingStep]
    public let levels: [NoiseLevel]
    private let path: [LogSNRLevel]
    private let solver: SolverConfiguration
    private let predictionType: PredictionType
    private let clipping: SampleClipping

    /// Parameters as in `EulerSampler`; `solver_order`, `algorithm_type`, `solver_type` and thresholding count here.
    public init(
        schedule: NoiseSchedule, configuration: SchedulerConfiguration, count: Int, skipping: Int = 0
    ) throws(Problem) {
        let chosen = try SigmaSchedule.multistep(schedule, configuration, count: count, skipping: skipping)
        path = chosen.sigmas.map { LogSNRLevel($0) }
        steps = chosen.timesteps.map(SamplingStep.init)
        levels = path.dropLast().map(\.noise)
        solver = configuration.solver
        predictionType = configuration.predictionType
        clipping = SampleClipping(configuration)
    }

    private var integratesNoise: Bool { [.dpmSolver, .sdeDPMSolver].contains(solver.algorithmType) }
    private var isStochastic: Bool { [.sdeDPMSolver, .sdeDPMSolverPlusPlus].contains(solver.algorithmType) }

    /// The state remembers the last outputs: x_0, or epsilon where that is integrated.
    public func advance(_ state: inout SamplerState, _ prediction: Tensor, _ noise: inout NoiseSource) {
        let level = path[state.index]
        state.history.append(
            integratesNoise
                ? level.predictedNoise(state.x, prediction, predictionType, clipping)
                : level.predictedSample(state.x, prediction, predictionType, clipping))
        if state.history.count > solver.solverOrder { state.history.removeFirst() }
        let update = update(step: state.index, order: order(step: state.index, outputs: state.history.count))
        let drawn = isStochastic ? noise.next(state.x.shape, step: state.index, on: state.x.device) : nil
        state.x = update(state.x, state.history)
        if let drawn, update.noise > 0 { state.x = state.x + drawn * Float(update.noise) }
        state.index += 1
    }

    /// Lower at the beginning, for want of outputs, and where the last steps ask for it.
    private func order(step: Int, outputs: Int) -> Int {
        let left = steps.count - step
        let endsLow = solver.lowerOrderFinal && steps.count < 15
        if left == 1, solver.eulerAtFinal || endsLow || solver.finalSigmasType == .zero { return 1 }
        return min(outputs, left == 2 && endsLow ? 2 : solver.solverOrder)
    }

    /// x_t = a x_s + the sum over k of b_k D_k + noise, where D_0 is the newest output and D_1, D_2 are its divided differences.
    private func update(step i: Int, order: Int) -> MultistepUpdate {
        let (s, t) = (path[i], path[i + 1])
        let h = t.lambda - s.lambda
        var (a, b, noise): (Double, [Double], Double)
        switch solver.algorithmType {
        case .dpmSolverPlusPlus:
            let phi = expm1(-h)
            a = t.sigma / s.sigma
            b = [-t.alpha * phi, t.alpha * (phi / h + 1), -t.alpha * ((phi + h) / (h * h) - 0.5)]
            noise = 0
        case .dpmSolver:
            let phi = expm1(h)
            a = t.alpha / s.alpha
            b = [-t.sigma * phi, -t.sigma * (phi / h - 1), -t.sigma * ((phi - h) / (h * h) - 0.5)]
            noise = 0
        case .sdeDPMSolverPlusPlus:
            let phi = -expm1(-2 * h)
            a = t.sigma / s.sigma * exp(-h)
            b = [t.alpha * phi, t.alpha * (phi / (-2 * h) + 1), t.alpha * ((phi - 2 * h) / (4 * h * h) - 0.5)]
            noise = t.sigma * phi.squareRoot()
        case .sdeDPMSolver:
            let phi = expm1(h)
            a = t.alpha / s.alpha
            b = [-2 * t.sigma * phi, -2 * t.sigma * (phi / h - 1), 0]
            noise = t.sigma * expm1(2 * h).squareRoot()
        }
        if order == 2, solver.solverType == .midpoint { b[1] = b[0] / 2 }
        guard order > 1 else { return MultistepUpdate(x: a, outputs: [b[0]], noise: noise) }
        let r0 = (s.lambda - path[i - 1].lambda) / h
        guard order > 2 else {
            return MultistepUpdate(x: a, outputs: [b[0] + b[1] / r0, -b[1] / r0], noise: noise)
        }
        let r1 = (path[i - 1].lambda - path[i - 2].lambda) / h
        // D_1 = d0 + (d0 - d1) r0 / (r0 + r1) and D_2 = (d0 - d1) / (r0 + r1), with d0 = (m0 - m1) / r0, d1 = (m1 - m2) / r1.
        let d0 = b[1] + (b[1] * r0 + b[2]) / (r0 + r1)
        let d1 = -(b[1] * r0 + b[2]) / (r0 + r1)
        return MultistepUpdate(x: a, outputs: [b[0] + d0 / r0, d1 / r1 - d0 / r0, -d1 / r1], noise: noise)
    }
}
