import TensorCore

/// The order in which training sees the samples: each epoch a permutation of its own, drawn from (seed, epoch). Where sample
/// number `ordinal` of the whole training comes from is a function of the seed and the ordinal alone.
struct EpochOrder: Sendable {
    let seed: UInt64
    let count: Int
    /// The permutation asked for last; it is kept only to save drawing it again.
    private var drawn: (epoch: Int, permutation: [Int])?

    init(seed: UInt64, count: Int) {
        precondition(count > 0, "an order has something to order")
        self.seed = seed
        self.count = count
    }

    /// Epoch and place within it.
    func position(of ordinal: Int) -> (epoch: Int, place: Int) { (ordinal / count, ordinal % count) }

    /// The sample that comes at `ordinal`.
    mutating func sample(at ordinal: Int) -> Int {
        let (epoch, place) = position(of: ordinal)
        if let drawn, drawn.epoch == epoch { return drawn.permutation[place] }
        var random = Philox(seed: seed, purpose: .permutation, step: epoch)
        let permutation = random.permutation(of: count)
        drawn = (epoch, permutation)
        return permutation[place]
    }

    /// Whether the image that comes at `ordinal` is mirrored: with probability 1/2.
    func isMirrored(at ordinal: Int) -> Bool {
        let (epoch, place) = position(of: ordinal)
        var random = Philox(seed: seed, purpose: .flip, step: epoch, sample: place)
        return random.nextUInt32() & 1 == 1
    }

    /// Which of its `count` captions the sample that comes at `ordinal` has.
    func caption(at ordinal: Int, of count: Int) -> Int {
        let (epoch, place) = position(of: ordinal)
        var random = Philox(seed: seed, purpose: .caption, step: epoch, sample: place)
        return Int(random.nextUInt32() % UInt32(count))
    }
}

/// Which samples are kept from training to measure it by: the first of a permutation drawn from the seed.
enum HeldOut {
    /// - Returns: both in ascending order.
    static func split(count: Int, held: Int, seed: UInt64) -> (training: [Int], validation: [Int]) {
        if held == 0 { return (Array(0..<count), []) }
        // Sample 1 of the first step: the epochs' orders use sample 0.
        var random = Philox(seed: seed, purpose: .permutation, sample: 1)
        let order = random.permutation(of: count)
        return (order[held...].sorted(), order[..<held].sorted())
    }
}
