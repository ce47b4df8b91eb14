import Glibc
import Problems

/// The random numbers of `torch.Generator("cpu").manual_seed(seed)`, to the bit.
///
/// A value: copying it copies the stream, and encoding it saves the place in the stream.
public struct TorchGenerator: Sendable, Hashable {
    private var engine: MersenneTwister
    /// The second value of the last pair that `normal()` made, not yet handed out.
    private var spareNormal: Double?

    /// - Parameter seed: as given to `manual_seed`; PyTorch's engine looks at its lower 32 bits only.
    public init(seed: UInt64) {
        engine = MersenneTwister(seed: UInt32(truncatingIfNeeded: seed))
    }

    /// The next 32 random bits.
    public mutating func nextUInt32() -> UInt32 { engine.next() }

    /// The next 64 random bits: two draws, the first in the upper half.
    public mutating func nextUInt64() -> UInt64 {
        let upper = UInt64(engine.next())
        return upper << 32 | UInt64(engine.next())
    }

    /// Uniform in [0, 1) with 24 bits, as `torch.rand` gives.
    public mutating func uniform() -> Float {
        Float(engine.next() & 0xff_ffff) * 0x1p-24
    }

    /// Uniform in [0, 1) with 53 bits, as `torch.rand(dtype=torch.float64)` gives.
    public mutating func uniformDouble() -> Double {
        Double(nextUInt64() & 0x1f_ffff_ffff_ffff) * 0x1p-53
    }

    /// An integer in `0..<bound`, as `torch.randint` gives: a remainder, with that method's slight bias.
    public mutating func integer(below bound: Int) -> Int {
        precondition(bound > 0, "an integer below \(bound) does not exist")
        return bound < 1 << 28
            ? Int(UInt64(engine.next()) % UInt64(bound))
            : Int(nextUInt64() % UInt64(bound))
    }

    /// A random order of `0..<count`, as `torch.randperm` gives for fewer than 2^32 / 20 elements.
    public mutating func permutation(of count: Int) -> [Int] {
        precondition(count >= 0 && count < Int(UInt32.max) / 20, "a permutation of \(count) elements is not supported")
        var order = Array(0..<count)
        for i in order.indices.dropLast() {
            order.swapAt(i, i + Int(UInt64(engine.next()) % UInt64(count - i)))
        }
        return order
    }

    /// Fills `values` as `torch.rand(values.count)` does.
    public mutating func fillUniform(_ values: UnsafeMutableBufferPointer<Float>) {
        for i in values.indices { values[i] = uniform() }
    }

    /// Fills `values` as `torch.randn(values.count)` does.
    ///
    /// How PyTorch draws depends on the count. From 16 on, all uniforms are drawn first and turned into normals in blocks
    /// of 16 (element j with j + 8); where 16 does not divide the count, the last 16 values are drawn anew. Below 16,
    /// values come one by one in double precision, two from each pair, the second kept for later.
    public mutating func fillNormal(_ values: UnsafeMutableBufferPointer<Float>) {
        let count = values.count
        guard count >= 16 else {
            for i in values.indices { values[i] = Float(normal()) }
            return
        }
        fillUniform(values)
        for start in stride(from: 0, through: count - 16, by: 16) { Self.makeNormal(values, from: start) }
        if count % 16 != 0 {
            fillUniform(UnsafeMutableBufferPointer(rebasing: values[(count - 16)...]))
            Self.makeNormal(values, from: count - 16)
        }
    }

    /// `torch.randn(count)`.
    public mutating func normals(_ count: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            buffer.initialize(repeating: 0)
            fillNormal(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
            initialized = count
        }
    }

    /// `torch.rand(count)`.
    public mutating func uniforms(_ count: Int) -> [Float] {
        (0..<count).map { _ in uniform() }
    }

    private static func makeNormal(_ values: UnsafeMutableBufferPointer<Float>, from start: Int) {
        for j in start..<start + 8 {
            (values[j], values[j + 8]) = BoxMuller.normals(1 - values[j], values[j + 8])
        }
    }

    /// One normal in double precision, as PyTorch draws for tensors of fewer than 16 elements.
    private mutating func normal() -> Double {
        if let spare = spareNormal {
            spareNormal = nil
            return spare
        }
        let angle = 2 * Double.pi * uniformDouble()
        let radius = (-2 * log1p(-uniformDouble())).squareRoot()
        spareNormal = radius * sin(angle)
        return radius * cos(angle)
    }
}

extension TorchGenerator: Codable {
    private enum CodingKeys: String, CodingKey {
        case words
        case used
        case spareNormal = "spare_normal"
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let words = try container.decode([UInt32].self, forKey: .words)
        let used = try container.decode(Int.self, forKey: .used)
        guard let engine = MersenneTwister(words: words, used: used) else {
            throw Problem(
                .corrupt, "The saved random number state has \(words.count) words and place \(used)",
                remedy: "Start from an earlier checkpoint; a state has \(MersenneTwister.size) words.")
        }
        self.engine = engine
        spareNormal = try container.decodeIfPresent(Double.self, forKey: .spareNormal)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(engine.words, forKey: .words)
        try container.encode(engine.used, forKey: .used)
        try container.encodeIfPresent(spareNormal, forKey: .spareNormal)
    }
}
