internal import Configurations
internal import Foundation
internal import TensorCore

/// A level of a solver in log SNR: x = alpha x_0 + sigma epsilon with alpha^2 + sigma^2 = 1, lambda = log(alpha / sigma) (Lu et al.
/// 2022).
struct LogSNRLevel: Sendable {
    let alpha: Double
    let sigma: Double
    /// Infinite at the end, where there is no noise.
    let lambda: Double

    /// - Parameter ratio: sigma / alpha, as `SigmaSchedule` counts noise.
    init(_ ratio: Double) {
        alpha = 1 / (ratio * ratio + 1).squareRoot()
        sigma = ratio * alpha
        lambda = -log(ratio)
    }

    var noise: NoiseLevel { NoiseLevel(signal: alpha, noise: sigma) }

    /// x_0, clipped, from x and the model's output.
    func predictedSample(
        _ x: Tensor, _ prediction: Tensor, _ type: PredictionType, _ clipping: SampleClipping
    ) -> Tensor {
        clipping(type.conversion(to: .sample, signal: alpha, noise: sigma)(x, prediction))
    }

    /// epsilon from x and the model's output, by way of x_0 where that is clipped.
    func predictedNoise(
        _ x: Tensor, _ prediction: Tensor, _ type: PredictionType, _ clipping: SampleClipping
    ) -> Tensor {
        guard clipping != .none else {
            return type.conversion(to: .epsilon, signal: alpha, noise: sigma)(x, prediction)
        }
        let x0 = predictedSample(x, prediction, type, clipping)
        return PredictionType.sample.conversion(to: .epsilon, signal: alpha, noise: sigma)(x, x0)
    }
}

/// One step of a multistep solver: x becomes a sum of x, of the model's last outputs, and of noise.
struct MultistepUpdate: Sendable {
    var x: Double
    /// Of the outputs, the newest first.
    var outputs: [Double]
    var noise = 0.0

    /// - Parameter history: the outputs, the newest last.
    func callAsFunction(_ x: Tensor, _ history: [Tensor]) -> Tensor {
        zip(outputs, history.reversed()).reduce(x * Float(self.x)) { $0 + $1.1 * Float($1.0) }
    }
}
