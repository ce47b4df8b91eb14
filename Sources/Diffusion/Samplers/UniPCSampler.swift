public import Configurations
internal import Foundation
public import Problems
public import TensorCore

/// UniPC (Zhao et al. 2023): a multistep predictor, and a corrector of one order more that costs no call, since it uses the output that
/// the next step needs anyway.
public struct UniPCSampler: Sampler {
    public let steps: [SamplingStep]
    public let levels: [NoiseLevel]
    private let path: [LogSNRLevel]
    private let solver: SolverConfiguration
    private let predictionType: PredictionType
    private let clipping: SampleClipping

    /// Parameters as in `EulerSampler`; `solver_order`, `solver_type`, `predict_x0`, `disable_corrector` and thresholding count here.
    public init(
        schedule: NoiseSchedule, configuration: SchedulerConfiguration, count: Int, skipping: Int = 0
    ) throws(Problem) {
        let chosen = try SigmaSchedule.multistep(schedule, configuration, count: count, skipping: skipping)
        path = chosen.sigmas.map { LogSNRLevel($0) }
        steps = chosen.timesteps.map(SamplingStep.init)
        levels = path.dropLast().map(\.noise)
        solver = configuration.solver
        predictionType = configuration.predictionType
        clipping = solver.predictX0 ? SampleClipping(configuration) : .none
    }

    /// The state remembers x before the last prediction, then the last outputs: x_0, or epsilon without `predict_x0`.
    public func advance(_ state: inout SamplerState, _ prediction: Tensor, _ noise: inout NoiseSource) {
        let i = state.index
        let output =
            solver.predictX0
            ? path[i].predictedSample(state.x, prediction, predictionType, clipping)
            : path[i].predictedNoise(state.x, prediction, predictionType, clipping)
        var x = state.x
        var outputs = Array(state.history.dropFirst())
        if let last = state.history.first, !solver.disableCorrector.contains(i - 1) {
            let order = order(step: i - 1, outputs: outputs.count)
            x = update(from: i - 1, order: order, corrects: true)(last, outputs.suffix(order) + [output])
        }
        outputs = (outputs + [output]).suffix(solver.solverOrder)
        state.history = [x] + outputs
        state.x = update(from: i, order: order(step: i, outputs: outputs.count), corrects: false)(x, outputs)
        state.index += 1
    }

    private func order(step: Int, outputs: Int) -> Int {
        min(outputs, solver.lowerOrderFinal ? min(solver.solverOrder, steps.count - step) : solver.solverOrder)
    }

    /// Section 3.1 and 3.2 with h_i = r_i h: x_t = a x_s + b h phi_1 m_0 + b B(h) (the sum over i of rho_i (m_i - m_0) / r_i).
    ///
    /// - Parameters:
    ///   - i: the step that predicts, or that is corrected.
    ///   - corrects: whether there is one output more, that at the step's end.
    private func update(from i: Int, order: Int, corrects: Bool) -> MultistepUpdate {
        let (s, t) = (path[i], path[i + 1])
        let h = t.lambda - s.lambda
        let ratios = (1..<max(order, 1)).map { (path[i - $0].lambda - s.lambda) / h } + (corrects ? [1] : [])
        let signed = solver.predictX0 ? -h : h
        let scale = solver.predictX0 ? -t.alpha : -t.sigma
        let phi = expm1(signed)
        let a = solver.predictX0 ? t.sigma / s.sigma : t.alpha / s.alpha
        guard !ratios.isEmpty else { return MultistepUpdate(x: a, outputs: [scale * phi]) }
        let b = solver.solverType == .bh1 ? signed : phi
        let weights = weights(ratios, signed, b, corrects: corrects)
        let shares = zip(weights, ratios).map { scale * b * $0 / $1 }
        // Newest first: the output at the step's end, m_0, then earlier ones.
        let earlier = shares.prefix(max(order, 1) - 1)
        let newest = corrects ? [shares[shares.count - 1]] : []
        return MultistepUpdate(x: a, outputs: newest + [scale * phi - shares.reduce(0, +)] + earlier)
    }

    /// The rho_i: those for which the sum over i of rho_i r_i^(k-1) is k! phi_(k+1)(h) h^(k) / B(h), as far as there are unknowns.
    private func weights(_ ratios: [Double], _ h: Double, _ b: Double, corrects: Bool) -> [Double] {
        // With a single unknown diffusers takes the limit of small steps, as the authors do.
        guard ratios.count > 1 else { return [0.5] }
        var (phi, factorial) = (expm1(h) / h - 1, 1.0)
        var matrix: [[Double]] = []
        for k in 1...ratios.count {
            matrix.append(ratios.map { pow($0, Double(k - 1)) } + [phi * factorial / b])
            factorial *= Double(k + 1)
            phi = phi / h - 1 / factorial
        }
        return solved(matrix)
    }

    /// The solution of a small system of linear equations, each row its coefficients and its right side.
    private func solved(_ rows: [[Double]]) -> [Double] {
        var rows = rows
        let count = rows.count
        for column in 0..<count {
            let pivot = (column..<count).max { abs(rows[$0][column]) < abs(rows[$1][column]) } ?? column
            rows.swapAt(column, pivot)
            for row in 0..<count where row != column {
                let factor = rows[row][column] / rows[column][column]
                for k in column...count { rows[row][k] -= factor * rows[column][k] }
            }
        }
        return (0..<count).map { rows[$0][count] / rows[$0][$0] }
    }
}
