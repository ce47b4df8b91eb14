public import Configurations
public import Problems
public import TensorCore

/// Denoising diffusion implicit models (Song et al. 2021): a family of samplers from a deterministic one (eta 0) to the
/// ancestral one (eta 1) over any number of the trained timesteps.
public struct DDIMSampler: Sampler {
    public let steps: [SamplingStep]
    public let levels: [NoiseLevel]
    private let transitions: [Transition]
    private let clipping: SampleClipping
    private let drawsNoise: Bool

    /// Equation 12: x_s = sample * x_0 + direction * epsilon + sigma * noise, with the model's idea of x_0 and epsilon.
    private struct Transition: Sendable {
        let predictedSample: LinearCombination
        let predictedNoise: LinearCombination
        let sample: Double
        let direction: Double
        let sigma: Double
    }

    /// - Parameters:
    ///   - schedule: the one that the model was trained with.
    ///   - configuration: prediction type, spacing, clipping, and whether the last step ends at abar = 1.
    ///   - count: the number of steps n, 1 to T. As in diffusers a step goes from t to t - floor(T / n), whatever the spacing.
    ///   - eta: in 0...1.
    ///   - skipping: how many of the steps are left out at the beginning.
    /// - Throws: a `Problem` for an impossible number of steps or eta, or epsilon prediction from pure noise.
    public init(
        schedule: NoiseSchedule, configuration: SchedulerConfiguration, count: Int, eta: Double = 0,
        skipping: Int = 0
    ) throws(Problem) {
        guard (0...1).contains(eta) else {
            throw Problem(.invalid, "eta is \(eta)", remedy: "Use 0 (deterministic) to 1 (as DDPM).")
        }
        let timesteps = Array(
            try configuration.timestepSpacing.timesteps(count, of: schedule.count, offset: configuration.stepsOffset)
                .dropFirst(skipping))
        let final = configuration.setAlphaToOne ? 1 : schedule.alphasCumprod[0]
        var transitions: [Transition] = []
        for t in timesteps {
            let s = t - schedule.count / count
            let (cumulative, previous) = (schedule.alphasCumprod[t], s >= 0 ? schedule.alphasCumprod[s] : final)
            // Equation 16.
            let variance = eta * eta * (1 - previous) / (1 - cumulative) * (1 - cumulative / previous)
            transitions.append(
                Transition(
                    predictedSample: try configuration.predictionType.sampleFromOutput(schedule, at: t),
                    predictedNoise: configuration.predictionType.conversion(
                        to: .epsilon, signal: schedule.signal(t), noise: schedule.noise(t)),
                    sample: previous.squareRoot(),
                    direction: max(1 - previous - variance, 0).squareRoot(),  // rounding may take it below 0
                    sigma: variance.squareRoot()))
        }
        self.transitions = transitions
        steps = timesteps.map { SamplingStep(timestep: Double($0)) }
        levels = timesteps.map { NoiseLevel(signal: schedule.signal($0), noise: schedule.noise($0)) }
        clipping = SampleClipping(configuration)
        drawsNoise = eta > 0
    }

    public func advance(_ state: inout SamplerState, _ prediction: Tensor, _ noise: inout NoiseSource) {
        let transition = transitions[state.index]
        let x0 = clipping(transition.predictedSample(state.x, prediction))  // (N, ..., C)
        let epsilon = transition.predictedNoise(state.x, prediction)  // (N, ..., C)
        var x = x0 * Float(transition.sample) + epsilon * Float(transition.direction)  // (N, ..., C)
        if drawsNoise {
            x = x + noise.next(x.shape, step: state.index, on: x.device) * Float(transition.sigma)  // (N, ..., C)
        }
        state.x = x
        state.index += 1
    }
}
