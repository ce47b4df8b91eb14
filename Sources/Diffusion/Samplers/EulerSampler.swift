public import Configurations
public import Problems
public import TensorCore

/// Euler's method on the probability flow ODE dx/dsigma = (x - x_0) / sigma (Karras et al. 2022, algorithm 2 without churn).
public struct EulerSampler: Sampler {
    public let steps: [SamplingStep]
    public let levels: [NoiseLevel]
    public let initialNoiseSigma: Double
    private let path: [SigmaLevel]
    /// sigma at the next step over sigma at this one.
    private let ratios: [Double]

    /// - Parameters:
    ///   - schedule: the one that the model was trained with.
    ///   - configuration: prediction type, and how noise levels are spaced.
    ///   - count: the number of steps, 1 to T.
    ///   - skipping: how many of them are left out at the beginning.
    /// - Throws: a `Problem` for an impossible number of steps.
    public init(
        schedule: NoiseSchedule, configuration: SchedulerConfiguration, count: Int, skipping: Int = 0
    ) throws(Problem) {
        let chosen = try SigmaSchedule.continuous(schedule, configuration, count: count, skipping: skipping)
        path = chosen.sigmas.dropLast().map { SigmaLevel($0, configuration.predictionType) }
        ratios = zip(chosen.sigmas, chosen.sigmas.dropFirst()).map { $1 / $0 }
        steps = chosen.timesteps.map(SamplingStep.init)
        levels = path.map(\.noise)
        initialNoiseSigma = chosen.initialNoiseSigma
    }

    public func modelInput(_ state: SamplerState) -> Tensor { state.x * Float(path[state.index].inputScale) }

    public func advance(_ state: inout SamplerState, _ prediction: Tensor, _ noise: inout NoiseSource) {
        let x0 = path[state.index].predictedSample(state.x, prediction)  // (N, ..., C)
        let ratio = ratios[state.index]
        state.x = x0 * Float(1 - ratio) + state.x * Float(ratio)  // (N, ..., C)
        state.index += 1
    }
}
