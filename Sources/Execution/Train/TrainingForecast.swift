internal import Configurations
internal import TensorCore

/// How long the steps of a training of video will take, told before the first.
struct TrainingForecast {
    /// Of a clip.
    let tokens: Int
    /// Of a clip's forward pass.
    let multiplyAdds: Double
    /// Of a step, if all its products were as fast as a large one.
    let seconds: Double

    init(tokens: Int, _ cost: NetworkCost, _ training: TrainingOptions, on device: Device) {
        self.tokens = tokens
        multiplyAdds = cost.multiplyAdds
        // The backward pass computes each product twice, and the forward pass once more where it is not kept.
        let passes = training.gradientCheckpointing ? 4.0 : 3.0
        let clips = Double(training.batchSize * training.gradientAccumulationSteps)
        seconds = passes * clips * multiplyAdds / Self.speed(device)
    }

    var description: String {
        let billions = multiplyAdds / 1e9
        func rounded(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
        return "a clip is \(tokens) tokens and \(rounded(billions)) billion multiply-adds; a step takes "
            + "\(rounded(seconds)) seconds at best"
    }

    /// Multiply-adds a second of a large matrix product.
    private static func speed(_ device: Device) -> Double {
        let size = 512
        let (a, b) = (Tensor.ones([size, size], on: device), Tensor.ones([size, size], on: device))
        _ = a.linear(b)
        let began = ContinuousClock.now
        let rounds = 4
        for _ in 0..<rounds { _ = a.linear(b) }
        let seconds = began.duration(to: .now) / .seconds(1)
        return Double(rounds * size * size * size) / max(seconds, 1e-6)
    }
}
