public import Configurations
internal import Foundation
public import Problems
public import TensorCore

/// Ancestral sampling (Ho et al. 2020, algorithm 2) over any number of the trained timesteps.
///
/// Skipping timesteps gives a coarser chain: with s the next timestep of the list, alpha = abar_t / abar_s and
/// beta = 1 - alpha take the place of alpha_t and beta_t (Nichol & Dhariwal 2021, section 4).
public struct DDPMSampler: Sampler {
    public let steps: [SamplingStep]
    public let levels: [NoiseLevel]
    /// `learned_range`: between these two logarithms of the variance the model says where (Nichol & Dhariwal 2021, equation 15).
    public let takesVariance: Bool
    private let transitions: [Transition]
    private let clipping: SampleClipping

    /// x_s = sample * x_0 + noisy * x_t + sigma * noise, with the model's idea of x_0, and of sigma where it has one.
    private struct Transition: Sendable {
        let predictedSample: LinearCombination
        let sample: Double
        let noisy: Double
        let sigma: Double
        /// Logarithms of the least and the greatest variance.
        let range: (low: Double, high: Double)
        let drawsNoise: Bool
    }

    /// - Parameters:
    ///   - schedule: the one that the model was trained with.
    ///   - configuration: prediction and variance type, spacing and clipping.
    ///   - count: the number of steps, 1 to T.
    ///   - skipping: how many of them are left out at the beginning.
    /// - Throws: a `Problem` for an impossible number of steps, or epsilon prediction from pure noise.
    public init(
        schedule: NoiseSchedule, configuration: SchedulerConfiguration, count: Int, skipping: Int = 0
    ) throws(Problem) {
        let timesteps = Array(
            try configuration.timestepSpacing.timesteps(count, of: schedule.count, offset: configuration.stepsOffset)
                .dropFirst(skipping))
        var transitions: [Transition] = []
        for (i, t) in timesteps.enumerated() {
            let s = i + 1 < timesteps.count ? timesteps[i + 1] : nil
            let (cumulative, previous) = (schedule.alphasCumprod[t], s.map { schedule.alphasCumprod[$0] } ?? 1)
            let alpha = cumulative / previous
            let beta = 1 - alpha
            let posterior = (1 - previous) / (1 - cumulative) * beta
            transitions.append(
                Transition(
                    predictedSample: try configuration.predictionType.sampleFromOutput(schedule, at: t),
                    // Equation 7.
                    sample: previous.squareRoot() * beta / (1 - cumulative),
                    noisy: alpha.squareRoot() * (1 - previous) / (1 - cumulative),
                    sigma: configuration.varianceType.variance(
                        beta: beta, posterior: posterior
                    ).squareRoot(),
                    range: (log(max(posterior, 1e-20)), log(beta)),
                    drawsNoise: t > 0))
        }
        self.transitions = transitions
        steps = timesteps.map { SamplingStep(timestep: Double($0)) }
        levels = timesteps.map { NoiseLevel(signal: schedule.signal($0), noise: schedule.noise($0)) }
        takesVariance = configuration.varianceType == .learnedRange
        clipping = SampleClipping(configuration)
    }

    public func advance(_ state: inout SamplerState, _ prediction: Tensor, _ noise: inout NoiseSource) {
        let transition = transitions[state.index]
        let channels = state.x.shape.last
        let mean = takesVariance ? prediction.sliced(axis: prediction.shape.rank - 1, 0..<channels) : prediction
        let x0 = clipping(transition.predictedSample(state.x, mean))  // (N, ..., C)
        var x = x0 * Float(transition.sample) + state.x * Float(transition.noisy)  // (N, ..., C)
        if transition.drawsNoise {
            let drawn = noise.next(x.shape, step: state.index, on: x.device)  // (N, ..., C)
            if takesVariance {
                // -1 for the low bound, 1 for the high one, (N, ..., C).
                let share = prediction.sliced(axis: prediction.shape.rank - 1, channels..<2 * channels)
                let (low, high) = transition.range
                let deviation = share.scaled(by: Float((high - low) / 4), offset: Float((high + low) / 4)).exp()
                x = x + drawn * deviation
            } else {
                x = x + drawn * Float(transition.sigma)
            }
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
        // The model says; where it says nothing, as little as can be.
        case .learnedRange: max(posterior, 1e-20)
        }
    }
}
