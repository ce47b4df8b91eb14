internal import Configurations
internal import Models
internal import NeuralNet
internal import TensorCore

/// What a training of video will need, told before its first step.
struct TrainingForecast {
    /// Of a clip.
    let tokens: Int
    /// Of a clip's forward pass.
    let multiplyAdds: Double
    /// Bytes of all tensors in a step, found out by rehearsing one.
    let memory: Int
    /// Of a step, if all its products were as fast as a large one.
    let seconds: Double

    init(_ model: VideoDiTConfiguration, _ training: TrainingOptions, on device: Device) {
        tokens = model.tokens(frames: model.sampleFrames)
        multiplyAdds = model.cost(frames: model.sampleFrames).multiplyAdds
        memory = Self.rehearse(model, training)
        // The backward pass computes each product twice, and the forward pass once more where it is not kept.
        let passes = training.gradientCheckpointing ? 4.0 : 3.0
        let clips = Double(training.batchSize * training.gradientAccumulationSteps)
        seconds = passes * clips * multiplyAdds / Self.speed(device)
    }

    var description: String {
        let billions = multiplyAdds / 1e9
        func rounded(_ value: Double) -> String { "\((value * 100).rounded() / 100)" }
        return "a clip is \(tokens) tokens and \(rounded(billions)) billion multiply-adds; a step takes about "
            + "\(memory >> 20) MiB and, at best, \(rounded(seconds)) seconds"
    }

    private static func rehearse(_ configuration: VideoDiTConfiguration, _ training: TrainingOptions) -> Int {
        let device = Device.rehearsal()
        let model = VideoDiT(configuration, on: device)
        model.initialize(seed: 0)
        let buffer = ParameterBuffer(model)
        // Two moments and an average, at most.
        let state = (0..<3).map { _ in buffer.zeros() }
        let shape: Shape = [
            training.batchSize, configuration.sampleFrames, configuration.sampleSize, configuration.sampleSize,
            configuration.inChannels,
        ]
        let (x, noise) = (Tensor.zeros(shape, on: device), Tensor.zeros(shape, on: device))
        let tape = Tape(recomputes: training.gradientCheckpointing)
        buffer.track(on: tape, adding: false)
        let output = model(
            x, timesteps: [Float](repeating: 0, count: training.batchSize),
            classes: configuration.numEmbedsAdaNorm.map { _ in
                .numbers([Int](repeating: 0, count: training.batchSize))
            }, dropout: DropoutMasks(seed: 0, pass: 0))
        tape.backward(from: Loss.meanSquared(output, noise))
        buffer.untrack()
        return withExtendedLifetime(state) { device.memory.peak }
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
