public import Configurations
internal import Foundation
public import Problems
public import TensorCore

/// Diffusion exponential integrator (Zhang & Chen 2023), multistep in log rho: the predicted noise is interpolated by a polynomial
/// in log rho, rho = sigma / alpha, and integrated over rho exactly.
public struct DEISSampler: Sampler {
    public let steps: [SamplingStep]
    public let levels: [NoiseLevel]
    private let path: [LogSNRLevel]
    private let rhos: [Double]
    private let solver: SolverConfiguration
    private let predictionType: PredictionType
    private let clipping: SampleClipping

    /// Parameters as in `EulerSampler`; `solver_order` and thresholding count here.
    public init(
        schedule: NoiseSchedule, configuration: SchedulerConfiguration, count: Int, skipping: Int = 0
    ) throws(Problem) {
        let chosen = try SigmaSchedule.multistep(schedule, configuration, count: count, skipping: skipping)
        rhos = chosen.sigmas
        path = rhos.map { LogSNRLevel($0) }
        steps = chosen.timesteps.map(SamplingStep.init)
        levels = path.dropLast().map(\.noise)
        solver = configuration.solver
        predictionType = configuration.predictionType
        clipping = SampleClipping(configuration)
    }

    /// The state remembers the noises predicted last.
    public func advance(_ state: inout SamplerState, _ prediction: Tensor, _ noise: inout NoiseSource) {
        let i = state.index
        state.history.append(path[i].predictedNoise(state.x, prediction, predictionType, clipping))
        if state.history.count > solver.solverOrder { state.history.removeFirst() }
        let left = steps.count - i
        let limit = solver.lowerOrderFinal && steps.count < 15 ? left : solver.solverOrder
        let order = min(state.history.count, limit)
        // x / alpha changes by the integral of epsilon over rho.
        let alpha = path[i + 1].alpha
        let update = MultistepUpdate(
            x: alpha / path[i].alpha, outputs: (0..<order).map { alpha * weight($0, of: order, step: i) })
        state.x = update(state.x, state.history)
        state.index += 1
    }

    /// The integral from rho_i to rho_i+1 of the polynomial in log rho that is 1 at rho_i-j and 0 at the others of the last `order`.
    private func weight(_ j: Int, of order: Int, step i: Int) -> Double {
        let others = (0..<order).filter { $0 != j }.map { log(rhos[i - $0]) }
        let scale = others.reduce(1) { $0 * (log(rhos[i - j]) - $1) }
        func antiderivative(_ rho: Double) -> Double {
            let l = log(rho)
            return switch others.count {
            case 0: rho
            case 1: rho * (l - 1 - others[0])
            // The integral of (l - c)(l - d) over rho, l = log rho.
            default: rho * (l * l - (others[0] + others[1] + 2) * (l - 1) + others[0] * others[1])
            }
        }
        return (antiderivative(rhos[i + 1]) - antiderivative(rhos[i])) / scale
    }
}
