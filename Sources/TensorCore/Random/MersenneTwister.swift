/// MT19937 (Matsumoto & Nishimura 1998), the 32-bit generator behind PyTorch's CPU random numbers.
struct MersenneTwister: Sendable, Hashable {
    static let size = 624
    private static let middle = 397

    /// The 624 words of state.
    private(set) var words: [UInt32]
    /// Words of `words` already handed out; `size` when the next draw must renew them.
    private(set) var used: Int

    init(seed: UInt32) {
        words = [UInt32](repeating: 0, count: Self.size)
        words[0] = seed
        for i in 1..<Self.size {
            words[i] = 1_812_433_253 &* (words[i - 1] ^ words[i - 1] >> 30) &+ UInt32(i)
        }
        used = Self.size
    }

    /// A state that was saved earlier, or nil if it cannot be one.
    init?(words: [UInt32], used: Int) {
        guard words.count == Self.size, (0...Self.size).contains(used) else { return nil }
        self.words = words
        self.used = used
    }

    mutating func next() -> UInt32 {
        if used == Self.size { renew() }
        var y = words[used]
        used += 1
        y ^= y >> 11
        y ^= y << 7 & 0x9d2c_5680
        y ^= y << 15 & 0xefc6_0000
        return y ^ y >> 18
    }

    private mutating func renew() {
        words.withUnsafeMutableBufferPointer { w in
            for i in 0..<Self.size {
                let next = w[i + 1 < Self.size ? i + 1 : 0]
                let y = w[i] & 0x8000_0000 | next & 0x7fff_ffff
                let far = w[i + Self.middle < Self.size ? i + Self.middle : i + Self.middle - Self.size]
                w[i] = far ^ y >> 1 ^ (next & 1 == 0 ? 0 : 0x9908_b0df)
            }
        }
        used = 0
    }
}
