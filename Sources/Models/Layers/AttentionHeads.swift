internal import NeuralNet
internal import TensorCore

/// How a layer's queries, keys and values are divided: `count` heads of `size` features, side by side.
package struct AttentionHeads: Sendable, Hashable {
    package let count: Int
    package let size: Int

    package init(_ count: Int, size: Int) { (self.count, self.size) = (count, size) }

    /// All heads together.
    package var width: Int { count * size }
    /// 1 / sqrt(size), of the scores (Vaswani et al. 2017, section 3.2.1).
    package var scale: Float { 1 / Float(size).squareRoot() }

    /// Queries or keys (N, L, width), each head by itself in an RMS norm of `size`.
    func normalized(_ x: Tensor, by norm: RMSNorm?) -> Tensor {
        guard let norm else { return x }
        return norm(x.reshaped(to: [x.shape[0], x.shape[1], count, size])).reshaped(to: x.shape)
    }
}
