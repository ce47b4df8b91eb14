public import Configurations
public import Problems
public import TensorCore

/// Ancestral sampling (Ho et al. 2020, algorithm 2) over any number of the trained timesteps.
///
/// Skipping timesteps gives a coarser chain: with s the next timestep of the list, alpha = abar_t / abar_s and
/// beta = 1 - alpha take the place of alpha_t and beta_t (Nichol & Dhariwal 2021, section 4).
public struct DDPMSampler: Sampler {
    public let steps: [SamplingStep]
    private let transitions: [Transition]
    private let clipping: SampleClipping

    /// x_s = sample * x_0 + noisy * x_t + sigma * noise, with the model's idea of x_0.
    private struct Transition: Sendable {
        let predictedSample: LinearCombination
        let sample: Double
        let noisy: Double
        let sigma: Double
        let drawsNoise: Bool
    }

    /// - Parameters:
    ///   - schedule: the one that the model was trained with.
    ///   - configuration: prediction and variance type, spacing and clipping.
    ///   - count: the number of steps, 1 to T.
    /// - Throws: a `Problem` for an impossible number of steps, or epsilon prediction from pure noise.
    public init(schedule: NoiseSchedule, configuration: SchedulerConfiguration, count: Int) throws(Problem) {
        let timesteps = try configuration.timestepSpacing.timesteps(
            count, of: schedule.count, offset: configuration.stepsOffset)
        var transitions: [Transition] = []
        for (i, t) in timesteps.enumerated() {
            let s = i + 1 < timesteps.count ? timesteps[i + 1] : nil
            let (cumulative, previous) = (schedule.alphasCumprod[t], s.map { schedule.alphasCumprod[$0] } ?? 1)
            let alpha = cumulative / previous
            let beta = 1 - alpha
            transitions.append(
                Transition(
                    predictedSample: try configuration.predictionType.sampleFromOutput(schedule, at: t),
                    // Equation 7.
                    sample: previous.squareRoot() * beta / (1 - cumulative),
                    noisy: alpha.squareRoot() * (1 - previous) / (1 - cumulative),
                    sigma: configuration.varianceType.variance(
                        beta: beta, posterior: (1 - previous) / (1 - cumulative) * beta
                    ).squareRoot(),
                    drawsNoise: t > 0))
        }
        self.transitions = transitions
        steps = timesteps.map { SamplingStep(timestep: Double($0)) }
        clipping = SampleClipping(configuration)
    }

    public func advance(_ state: inout SamplerState, _ prediction: Tensor, _ noise: inout NoiseSource) {
        let transition = transitions[state.index]
        let x0 = clipping(transition.predictedSample(state.x, prediction))  // (N, ..., C)
        var x = x0 * Float(transition.sample) + state.x * Float(transition.noisy)  // (N, ..., C)
        if transition.drawsNoise {
            x = x + noise.next(x.shape, step: state.index, on: x.device) * Float(transition.sigma)  // (N, ..., C)
        }
        state.x = x
        state.index += 1
    }
}

extension SchedulerConfiguration.VarianceType {
    /// The variance of a reverse step (Ho et al. 2020, section 3.2).
    ///
    /// - Parameters:
    ///   - beta: that of the forward step; the variance if the data is standard normal.
    ///   - posterior: that of q(x_s | x_t, x_0); the variance if the data is a single point. At least 1e-20 is used.
    fileprivate func variance(beta: Double, posterior: Double) -> Double {
        switch self {
        // The log types differ in how they come to the same number only.
        case .fixedSmall, .fixedSmallLog: max(posterior, 1e-20)
        case .fixedLarge, .fixedLargeLog: beta
        }
    }
}
