internal import Foundation
public import TensorCore

/// Where sampling takes its noise from. A value: copying or encoding it keeps the place.
public struct NoiseSource: Sendable, Codable {
    /// Which noise a sample begins with.
    public enum Origin: Sendable, Codable, Hashable {
        /// Sample i is number i of this seed.
        case seed(UInt64)
        /// Sample i is the first one of seed i.
        case seeds([UInt64])
        /// The first samples of two seeds, and of `count` in all those between them on the great circle (Shoemake 1985). What is
        /// drawn later is the first seed's.
        case between(UInt64, UInt64, count: Int)
    }

    private enum Generator: Sendable, Codable {
        case philox
        /// One for everything.
        case torch(TorchGenerator)
        /// One for each sample of the batch in work.
        case torches([TorchGenerator])
    }

    private let origin: Origin
    private var generator: Generator
    /// The numbers in their job of the samples of the batch. Set it before each batch; one `torch` generator for everything takes no
    /// notice of it.
    public var samples = 0..<0
    /// The samples that `torches` belong to.
    private var seeded: Range<Int>?
    /// Steps taken again so far, which shifts the numbers of steps: what is drawn again is drawn anew.
    public var repetitions = 0

    /// Noise of a sample that depends on the seed, the sample's number and the step alone, never on the batch.
    public static func philox(_ origin: Origin) -> NoiseSource { NoiseSource(origin: origin, generator: .philox) }

    public static func philox(seed: UInt64) -> NoiseSource { .philox(.seed(seed)) }

    /// The numbers of `torch.Generator("cpu").manual_seed(seed)`: one generator for everything that a diffusers pipeline
    /// draws, batch after batch, the initial noise first and then each step's, in (N, C, H, W) order; or, with several seeds, a
    /// generator for each sample, as a pipeline with a list of generators draws.
    public static func torch(_ origin: Origin) -> NoiseSource {
        switch origin {
        case .seed(let seed): NoiseSource(origin: origin, generator: .torch(TorchGenerator(seed: seed)))
        case .seeds, .between: NoiseSource(origin: origin, generator: .torches([]))
        }
    }

    public static func torch(seed: UInt64) -> NoiseSource { .torch(.seed(seed)) }

    private init(origin: Origin, generator: Generator) {
        self.origin = origin
        self.generator = generator
    }

    /// The seed that sample `number` begins with; of the first one where it lies between two.
    public static func seed(of number: Int, _ origin: Origin) -> UInt64 {
        switch origin {
        case .seed(let seed), .between(let seed, _, _): seed
        case .seeds(let seeds): seeds[number % seeds.count]
        }
    }

    /// Standard normals (N, ..., C) to start from.
    public mutating func initial(_ shape: Shape, on device: Device) -> Tensor {
        seedGenerators()
        let first = draw(shape, .initialNoise, step: 0, on: device)
        guard case .between(_, let end, let count) = origin else { return first }
        var other = self
        other.generator =
            if case .philox = generator { .philox } else { .torches(samples.map { _ in TorchGenerator(seed: end) }) }
        let last = other.draw(shape, .initialNoise, step: 0, of: end, on: device)
        return Self.onGreatCircle(first, last, samples.map { count > 1 ? Double($0) / Double(count - 1) : 0 })
    }

    /// Standard normals (N, ..., C) for samples of an autoencoder's latents, drawn beside the initial noise.
    ///
    /// - Parameter number: 0 for what is drawn before that noise, 1 for what is drawn after it.
    public mutating func latents(_ shape: Shape, number: Int, on device: Device) -> Tensor {
        seedGenerators()
        return draw(shape, .latents, step: number, on: device)
    }

    /// Standard normals (N, ..., C) for a stochastic sampler's step of that number. Samplers call it exactly when diffusers
    /// would draw.
    public mutating func next(_ shape: Shape, step: Int, on device: Device) -> Tensor {
        draw(shape, .samplerNoise, step: step + repetitions, on: device)
    }

    /// A generator for each sample of a batch begins with the batch.
    private mutating func seedGenerators() {
        guard case .torches = generator, seeded != samples else { return }
        generator = .torches(samples.map { TorchGenerator(seed: Self.seed(of: $0, origin)) })
        seeded = samples
    }

    private mutating func draw(
        _ shape: Shape, _ purpose: Philox.Purpose, step: Int, of seed: UInt64? = nil, on device: Device
    ) -> Tensor {
        switch generator {
        case .philox:
            if case .seed(let seed) = origin {
                return .normal(
                    shape, seed: seed, purpose: purpose, step: step, firstSample: samples.lowerBound, on: device)
            }
            return .concatenated(
                samples.map { number in
                    .normal(
                        Self.single(shape), seed: seed ?? Self.seed(of: number, origin), purpose: purpose, step: step,
                        on: device)
                }, axis: 0)
        case .torch(var torch):
            defer { generator = .torch(torch) }
            return .normal(shape, from: &torch, on: device)
        case .torches(var torches):
            defer { generator = .torches(torches) }
            return .concatenated(
                torches.indices.map { .normal(Self.single(shape), from: &torches[$0], on: device) }, axis: 0)
        }
    }

    /// (1, ..., C).
    private static func single(_ shape: Shape) -> Shape {
        var single = shape
        single[0] = 1
        return single
    }

    /// Each sample of `a` (N, ...) turned towards that of `b` by a share of the angle between them.
    private static func onGreatCircle(_ a: Tensor, _ b: Tensor, _ shares: [Double]) -> Tensor {
        let (from, to) = (a.array(), b.array())
        let size = from.count / max(shares.count, 1)
        var values: [Float] = []
        values.reserveCapacity(from.count)
        for (n, share) in shares.enumerated() {
            let range = n * size..<(n + 1) * size
            func product(_ x: [Float], _ y: [Float]) -> Double {
                range.reduce(0) { $0 + Double(x[$1]) * Double(y[$1]) }
            }
            let cosine = product(from, to) / (product(from, from) * product(to, to)).squareRoot()
            let angle = acos(min(max(cosine, -1), 1))
            // Parallel vectors have nothing between them but themselves.
            let (x, y) =
                angle < 1e-6
                ? (1 - share, share) : (sin((1 - share) * angle) / sin(angle), sin(share * angle) / sin(angle))
            for i in range { values.append(Float(x) * from[i] + Float(y) * to[i]) }
        }
        return Tensor(values, shape: a.shape, on: a.device)
    }
}
