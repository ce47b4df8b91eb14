public import TensorCore

extension Tensor {
    /// Linear attention (Shen et al. 2018): softmax of the queries over each head's features, of the keys over the positions;
    /// then (K^T V) once for all queries, so that cost grows linearly with the number of positions.
    ///
    /// - Parameters:
    ///   - key: (N, L, D), the heads side by side, as `value` has them.
    ///   - scale: of the queries, after their softmax.
    /// - Returns: (N, L, D) for queries (N, L, D).
    public func linearAttention(key: Tensor, value: Tensor, heads: Int, scale: Float) -> Tensor {
        let split: Shape = [shape[0], shape[1], heads, shape[2] / heads]
        let q = reshaped(to: split).softmax().permuted([0, 2, 1, 3]) * scale  // (N, h, L, d)
        let k = key.reshaped(to: split).permuted([0, 2, 3, 1]).softmax()  // (N, h, d, L)
        let v = value.reshaped(to: split).permuted([0, 2, 1, 3])  // (N, h, L, d)
        let context = k.matmul(v)  // (N, h, d, d)
        return q.matmul(context).permuted([0, 2, 1, 3]).reshaped(to: shape)  // (N, L, D)
    }
}
