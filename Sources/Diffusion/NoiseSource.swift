public import TensorCore

/// Where sampling takes its noise from. A value: copying or encoding it keeps the place.
public struct NoiseSource: Sendable, Codable {
    private enum Generator: Sendable, Codable {
        case philox(seed: UInt64)
        case torch(TorchGenerator)
    }

    private var generator: Generator
    /// The number in its job of the first sample of the batch. Set it before each batch; `torch` takes no notice of it.
    public var firstSample = 0

    /// Noise of a sample that depends on the seed, the sample's number and the step alone, never on the batch.
    public static func philox(seed: UInt64) -> NoiseSource { NoiseSource(generator: .philox(seed: seed)) }

    /// The numbers of `torch.Generator("cpu").manual_seed(seed)`: one generator for everything that a diffusers pipeline
    /// draws, batch after batch, the initial noise first and then each step's, in (N, C, H, W) order.
    public static func torch(seed: UInt64) -> NoiseSource { NoiseSource(generator: .torch(TorchGenerator(seed: seed))) }

    private init(generator: Generator) { self.generator = generator }

    /// Standard normals (N, ..., C) to start from.
    public mutating func initial(_ shape: Shape, on device: Device) -> Tensor {
        draw(shape, .initialNoise, step: 0, on: device)
    }

    /// Standard normals (N, ..., C) for a stochastic sampler's step of that number. Samplers call it exactly when diffusers
    /// would draw.
    public mutating func next(_ shape: Shape, step: Int, on device: Device) -> Tensor {
        draw(shape, .samplerNoise, step: step, on: device)
    }

    private mutating func draw(
        _ shape: Shape, _ purpose: Philox.Purpose, step: Int, on device: Device
    ) -> Tensor {
        switch generator {
        case .philox(let seed):
            return .normal(
                shape, seed: seed, purpose: purpose, step: step, firstSample: firstSample, on: device)
        case .torch(var torch):
            defer { generator = .torch(torch) }
            return .normal(shape, from: &torch, on: device)
        }
    }
}
