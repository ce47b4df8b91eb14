/// How a layer's queries, keys and values are divided: `count` heads of `size` features, side by side.
package struct AttentionHeads: Sendable, Hashable {
    package let count: Int
    package let size: Int

    package init(_ count: Int, size: Int) { (self.count, self.size) = (count, size) }

    /// All heads together.
    package var width: Int { count * size }
    /// 1 / sqrt(size), of the scores (Vaswani et al. 2017, section 3.2.1).
    package var scale: Float { 1 / Float(size).squareRoot() }
}
