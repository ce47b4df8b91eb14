internal import CKernels

/// A stream of random numbers that is a pure function of what it is for: Philox4x32-10 (Salmon et al. 2011, "Parallel
/// random numbers: as easy as 1, 2, 3").
///
/// The seed is the key; purpose, step and sample are the upper three words of the counter, the place in the stream is the
/// lowest. So no two purposes, steps or samples share numbers, any sample's numbers can be made without making those of
/// another, and nothing has to be saved to go on after an interruption but the step.
public struct Philox: Sendable {
    /// What random numbers are drawn for. Raw values are part of every stored result: never change or reuse one.
    public enum Purpose: UInt32, Sendable, CaseIterable {
        /// The noise that sampling starts from; sample is the image's number in its job.
        case initialNoise = 1
        /// The noise that a stochastic sampler adds; step is the sampling step.
        case samplerNoise = 2
        /// The noise that training predicts; step is the training step, sample the place in its batch.
        case trainingNoise = 3
        /// The timesteps that training draws.
        case timesteps = 4
        /// The order of a dataset; step is the epoch.
        case permutation = 5
        /// Horizontal flips.
        case flip = 6
        /// Initial weights; sample is the parameter's number.
        case weights = 7
        /// The items of a synthetic dataset; sample is the item's number.
        case dataset = 8
        /// Labels replaced by the null class for classifier-free guidance.
        case conditionDropout = 9
        /// The noise and timesteps at which the validation loss is measured.
        case validation = 10
        /// The choice of the random crop, or of frames of a clip.
        case crop = 11
        /// Dropout within a model; sample is the layer's number.
        case dropout = 12
        /// The noise at which a model is measured, step being the timestep; from step T on, which timesteps those are. sample is the
        /// place of the picture in its data set.
        case evaluation = 13
        /// Samples of an autoencoder's latents, from which others are made.
        case latents = 14
        /// Which of its captions a picture has; step is the epoch.
        case caption = 15
        /// Noise that is the same in all pixels of a channel; step is the training step.
        case noiseOffset = 16
    }

    private let key: SIMD2<UInt32>
    /// The counter of the next block; only its lowest word, the number of blocks drawn, changes.
    private var counter: SIMD4<UInt32>
    private var block = SIMD4<UInt32>()
    /// Words of `block` already handed out.
    private var used = 4

    /// The beginning of the stream for `purpose` at `step` and `sample`, both in `0..<2^32`.
    public init(seed: UInt64, purpose: Purpose, step: Int = 0, sample: Int = 0) {
        key = SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32))
        counter = SIMD4(0, UInt32(sample), UInt32(step), purpose.rawValue)
    }

    /// The next 32 random bits.
    public mutating func nextUInt32() -> UInt32 {
        if used == 4 {
            block = Self.block(counter: counter, key: key)
            counter.x &+= 1
            used = 0
        }
        defer { used += 1 }
        return block[used]
    }

    /// Uniform in [0, 1), a multiple of 2^-24.
    public mutating func uniform() -> Float { Float(nextUInt32() >> 8) * 0x1p-24 }

    /// Uniform in `0..<bound`, without bias (Lemire 2019); `bound` in 1...2^32 - 1.
    public mutating func integer(below bound: Int) -> Int {
        let bound = UInt32(bound)
        precondition(bound > 0, "an integer below 0 does not exist")
        var product = bound.multipliedFullWidth(by: nextUInt32())
        let excess = (0 &- bound) % bound  // 2^32 mod bound: this many products would be one too many
        while product.low < excess { product = bound.multipliedFullWidth(by: nextUInt32()) }
        return Int(product.high)
    }

    /// A random order of `0..<count`, every order equally likely (Fisher & Yates).
    public mutating func permutation(of count: Int) -> [Int] {
        var order = Array(0..<count)
        for i in order.indices.dropLast() { order.swapAt(i, i + integer(below: count - i)) }
        return order
    }

    /// Fills `values` with uniforms in [0, 1), starting at the next block of the stream.
    public mutating func fillUniform(_ values: UnsafeMutableBufferPointer<Float>) {
        fill(values, ck_random_uniform)
    }

    /// Fills `values` with standard normals (Box & Muller 1958), starting at the next block of the stream. Each block gives
    /// four, so the first n of a longer fill are those of a fill of n.
    public mutating func fillNormal(_ values: UnsafeMutableBufferPointer<Float>) {
        fill(values, ck_random_normal)
    }

    /// The next `count` uniforms in [0, 1), as `fillUniform` gives them.
    public mutating func uniforms(_ count: Int) -> [Float] {
        filled(count) { $0.fillUniform($1) }
    }

    /// The next `count` standard normals, as `fillNormal` gives them.
    public mutating func normals(_ count: Int) -> [Float] {
        filled(count) { $0.fillNormal($1) }
    }

    private mutating func filled(
        _ count: Int, _ fill: (inout Philox, UnsafeMutableBufferPointer<Float>) -> Void
    ) -> [Float] {
        var values = [Float](repeating: 0, count: count)
        values.withUnsafeMutableBufferPointer { fill(&self, $0) }
        return values
    }

    private mutating func fill(
        _ values: UnsafeMutableBufferPointer<Float>,
        _ kernel: (UnsafeMutablePointer<Float>, CKStream, UInt64, Int) -> Void
    ) {
        used = 4
        guard let base = values.baseAddress else { return }
        let stream = CKStream(
            key: UInt64(key.y) << 32 | UInt64(key.x), c1: counter.y, c2: counter.z, c3: counter.w)
        kernel(base, stream, 4 * UInt64(counter.x), values.count)
        counter.x &+= UInt32((values.count + 3) / 4)
    }

    /// Ten rounds of Philox4x32: four random words for each counter and key.
    package static func block(counter: SIMD4<UInt32>, key: SIMD2<UInt32>) -> SIMD4<UInt32> {
        var (c, k) = (counter, key)
        for _ in 0..<10 {
            let p = c.x.multipliedFullWidth(by: 0xd251_1f53)
            let q = c.z.multipliedFullWidth(by: 0xcd9e_8d57)
            c = SIMD4(q.high ^ c.y ^ k.x, q.low, p.high ^ c.w ^ k.y, p.low)
            k &+= SIMD2(0x9e37_79b9, 0xbb67_ae85)
        }
        return c
    }
}
