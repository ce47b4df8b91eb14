public import Configurations
internal import Problems
public import TensorCore

/// What a model predicts: epsilon, x_0 (`sample`) or v.
public typealias PredictionType = SchedulerConfiguration.PredictionType

/// `noisy * x_t + output * f(x_t, t)`, with numbers that depend on the timestep alone.
public struct LinearCombination: Sendable, Hashable {
    public var noisy: Double
    public var output: Double

    public init(noisy: Double, output: Double) {
        self.noisy = noisy
        self.output = output
    }

    /// The combination of x_t and a model's output, both (N, ...).
    public func callAsFunction(_ x: Tensor, _ prediction: Tensor) -> Tensor {
        switch (noisy, output) {
        case (0, 1): prediction
        case (0, _): prediction * Float(output)
        default: x * Float(noisy) + prediction * Float(output)
        }
    }
}

extension PredictionType {
    /// How a model's output of this kind becomes one of another kind, given x_t = s x_0 + n epsilon with s^2 + n^2 = 1 and
    /// v = s epsilon - n x_0 (Salimans & Ho 2022, appendix D).
    ///
    /// - Parameters:
    ///   - signal: s = sqrt(abar_t). A model that predicts epsilon says nothing about x_0 where it is 0.
    ///   - noise: n = sqrt(1 - abar_t), above 0.
    public func conversion(to target: PredictionType, signal s: Double, noise n: Double) -> LinearCombination {
        switch (self, target) {
        case (.epsilon, .epsilon), (.sample, .sample), (.vPrediction, .vPrediction): .init(noisy: 0, output: 1)
        case (.epsilon, .sample): .init(noisy: 1 / s, output: -n / s)
        case (.epsilon, .vPrediction): .init(noisy: -n / s, output: 1 / s)
        case (.sample, .epsilon): .init(noisy: 1 / n, output: -s / n)
        case (.sample, .vPrediction): .init(noisy: s / n, output: -1 / n)
        case (.vPrediction, .sample): .init(noisy: s, output: -n)
        case (.vPrediction, .epsilon): .init(noisy: n, output: s)
        }
    }
}

extension PredictionType {
    /// How x_0 follows from x_t and a model's output at timestep `t`.
    ///
    /// - Throws: a `Problem` where x_t holds no signal and the model predicts the noise, which says nothing about x_0.
    func sampleFromOutput(_ schedule: NoiseSchedule, at t: Int) throws(Problem) -> LinearCombination {
        guard self != .epsilon || schedule.alphasCumprod[t] > 0 else {
            throw Problem(
                .invalid, "Timestep \(t) is pure noise, from which a model that predicts epsilon cannot start",
                remedy:
                    "Use v_prediction or sample prediction with rescale_betas_zero_snr, or a spacing other than trailing."
            )
        }
        return conversion(to: .sample, signal: schedule.signal(t), noise: schedule.noise(t))
    }
}
