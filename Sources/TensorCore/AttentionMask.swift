/// Which keys a query attends to.
public struct AttentionMask: Sendable, Hashable {
    /// Whether query i attends to no key behind key i.
    public var isCausal: Bool
    /// How many keys each sample has, from the first; those behind are padding. nil: all. A sample without keys attends
    /// to nothing: its result is 0, and so are its gradients.
    public var keyCounts: [Int]?

    public init(isCausal: Bool = false, keyCounts: [Int]? = nil) {
        self.isCausal = isCausal
        self.keyCounts = keyCounts
    }

    public static let none = AttentionMask()
    public static let causal = AttentionMask(isCausal: true)
    public static func keyCounts(_ counts: [Int]) -> AttentionMask { AttentionMask(keyCounts: counts) }

    /// How many of `keys` keys, from the first, query `row` of sample `sample` attends to.
    func visible(_ row: Int, of keys: Int, sample: Int) -> Int {
        min(isCausal ? row + 1 : keys, keyCounts?[sample] ?? keys, keys)
    }
}
