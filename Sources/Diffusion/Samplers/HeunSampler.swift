public import Configurations
public import Problems
public import TensorCore

/// Heun's method: an Euler step, and the same again with the mean of the slopes at both ends (Karras et al. 2022, algorithm 1). Two
/// calls of the denoiser for each step but the last, which goes to sigma 0.
public struct HeunSampler: Sampler {
    public let steps: [SamplingStep]
    public let levels: [NoiseLevel]
    public let initialNoiseSigma: Double
    private let calls: [Call]
    private let clipping: SampleClipping

    private struct Call: Sendable {
        let level: SigmaLevel
        /// Of the whole step: sigma at its end less sigma at its beginning.
        let change: Double
        /// The second call of a step; the state remembers x and the slope at the first.
        let isCorrection: Bool
    }

    /// Parameters as in `EulerSampler`; `clip_sample` counts here.
    public init(
        schedule: NoiseSchedule, configuration: SchedulerConfiguration, count: Int, skipping: Int = 0
    ) throws(Problem) {
        let chosen = try SigmaSchedule.continuous(schedule, configuration, count: count, skipping: skipping)
        let sigmas = chosen.sigmas
        var calls: [Call] = []
        var timesteps: [Double] = []
        for (i, timestep) in chosen.timesteps.enumerated() {
            let change = sigmas[i + 1] - sigmas[i]
            calls.append(
                Call(level: SigmaLevel(sigmas[i], configuration.predictionType), change: change, isCorrection: false))
            timesteps.append(timestep)
            guard i + 1 < chosen.timesteps.count else { break }
            calls.append(
                Call(level: SigmaLevel(sigmas[i + 1], configuration.predictionType), change: change, isCorrection: true)
            )
            timesteps.append(chosen.timesteps[i + 1])
        }
        self.calls = calls
        steps = timesteps.map(SamplingStep.init)
        levels = calls.map(\.level.noise)
        initialNoiseSigma = chosen.initialNoiseSigma
        clipping = SampleClipping(configuration)
    }

    public func modelInput(_ state: SamplerState) -> Tensor { state.x * Float(calls[state.index].level.inputScale) }

    public func advance(_ state: inout SamplerState, _ prediction: Tensor, _ noise: inout NoiseSource) {
        let call = calls[state.index]
        let x0 = clipping(call.level.predictedSample(state.x, prediction))  // (N, ..., C)
        let slope = (state.x - x0) * Float(1 / call.level.sigma)  // (N, ..., C)
        if call.isCorrection {
            state.x = state.history[0] + (state.history[1] + slope) * Float(call.change / 2)
            state.history = []
        } else {
            let isLast = state.index == calls.count - 1
            state.history = isLast ? [] : [state.x, slope]
            state.x = state.x + slope * Float(call.change)
        }
        state.index += 1
    }
}
