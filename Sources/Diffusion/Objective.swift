public import Configurations
public import TensorCore

/// What training minimizes: the distance between a model's output and what it should have predicted (Ho et al. 2020,
/// equation 14, and its kin).
public struct Objective: Sendable {
    public let schedule: NoiseSchedule
    public let predictionType: PredictionType
    /// How the levels of a clip's frames are drawn; nil for samples without frames.
    let frameNoise: FrameNoise?
    private let loss: Loss
    private let gamma: Double?
    /// What is drawn for samples without frames.
    private let timesteps: ClosedRange<Int>
    /// For a model whose second half of channels says the variance.
    private let bound: VariationalBound?

    /// - Parameters:
    ///   - schedule: the forward process.
    ///   - predictionType: what the model predicts.
    ///   - loss: the distance between what the model predicts and what it should.
    ///   - snrGamma: gamma of min-SNR weighting (Hang et al. 2023); nil: every timestep has the weight 1.
    ///   - timesteps: what training draws, below T; nil: all.
    ///   - learnsVariance: whether the model has twice the channels of its input, the second half for the variance.
    ///   - frameNoise: how the levels of a clip's frames are drawn; nil for samples without frames.
    public init(
        schedule: NoiseSchedule, predictionType: PredictionType, loss: Loss = .meanSquared, snrGamma: Double? = nil,
        timesteps: ClosedRange<Int>? = nil, learnsVariance: Bool = false, frameNoise: FrameNoise? = nil
    ) {
        self.frameNoise = frameNoise
        bound = learnsVariance ? VariationalBound(training: schedule, predictionType) : nil
        self.schedule = schedule
        self.predictionType = predictionType
        self.loss = loss
        gamma = snrGamma
        self.timesteps = timesteps ?? 0...schedule.count - 1
    }

    /// t ~ Uniform(0..<T), or of a range in it, for the given samples of a step's batch (algorithm 1, line 3).
    public func timesteps(
        seed: UInt64, purpose: Philox.Purpose = .timesteps, step: Int, samples: Range<Int>
    ) -> [Int] {
        samples.map { sample in
            var random = Philox(seed: seed, purpose: purpose, step: step, sample: sample)
            return timesteps.lowerBound + random.integer(below: timesteps.count)
        }
    }

    /// What a model should predict for x_t = `schedule.addNoise(x0, noise, at: timesteps)`. Shaped as `x0` (N, ...).
    public func target(_ x0: Tensor, _ noise: Tensor, at timesteps: [Int]) -> Tensor {
        switch predictionType {
        case .epsilon: noise
        case .sample: x0
        case .vPrediction: schedule.velocity(x0, noise, at: timesteps)
        }
    }

    /// The loss of a model's output for x_t: the distance of what it predicts, and for a learned variance L_hybrid = L_simple + 0.001
    /// L_vlb, where L_vlb teaches the variance alone (Nichol & Dhariwal 2021, equation 16).
    ///
    /// - Parameters:
    ///   - output: the model's, (N, ..., C) or (N, ..., 2 C).
    ///   - x0: (N, ..., C).
    ///   - noise: what `xt` has of it, shaped as `x0`.
    ///   - xt: `schedule.addNoise(x0, noise, at: timesteps)`.
    public func callAsFunction(
        _ output: Tensor, x0: Tensor, noise: Tensor, xt: Tensor, at timesteps: [Int]
    ) -> Tensor {
        let target = target(x0, noise, at: timesteps)
        guard let bound else { return self(output, target, at: timesteps) }
        let (axis, channels) = (output.shape.rank - 1, x0.shape.last)
        let prediction = output.sliced(axis: axis, 0..<channels)  // (N, ..., C)
        let share = output.sliced(axis: axis, channels..<2 * channels)  // (N, ..., C)
        // L_vlb is a sum over all timesteps, of which one is drawn.
        let term = bound(x0, xt, prediction.detached, share, at: timesteps)
        let variational = term * Float(0.001 * Double(schedule.count))
        return self(prediction, target, at: timesteps) + variational
    }

    /// The mean loss over all elements, each sample weighed by its timestep: a scalar.
    public func callAsFunction(_ prediction: Tensor, _ target: Tensor, at timesteps: [Int]) -> Tensor {
        distance(prediction, target, weights: timesteps.map { Float(weight(at: $0)) })
    }

    /// The mean loss over all elements, with a weight for each entry of the first axis.
    func distance(_ prediction: Tensor, _ target: Tensor, weights: [Float]) -> Tensor {
        loss(prediction, target, weights: weights)
    }

    /// The weight of a timestep: min(SNR, gamma) for x_0, divided by SNR for epsilon and by SNR + 1 for v, which are the
    /// factors between their errors and that of x_0 (Hang et al. 2023, section 3.4). 1 without min-SNR weighting.
    public func weight(at t: Int) -> Double {
        guard let gamma else { return 1 }
        let snr = schedule.signalToNoise(t)
        return switch predictionType {
        case .epsilon: min(1, gamma / snr)
        case .sample: min(snr, gamma)
        case .vPrediction: min(snr, gamma) / (snr + 1)
        }
    }
}
