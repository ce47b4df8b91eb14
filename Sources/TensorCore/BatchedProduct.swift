extension Tensor {
    /// op(a) op(b) for each index of the leading axes, which both share.
    ///
    /// - Returns: (..., M, N) for op(a) (..., M, K) and op(b) (..., K, N).
    public func matmul(_ b: Tensor, transposeA: Bool = false, transposeB: Bool = false) -> Tensor {
        BatchedProduct.product(self, b, transposeA: transposeA, transposeB: transposeB).recorded(
            .matmul(transposeA: transposeA, transposeB: transposeB), inputs: [self, b], saving: [self, b])
    }
}

enum BatchedProduct {
    static func product(_ a: Tensor, _ b: Tensor, transposeA: Bool, transposeB: Bool) -> Tensor {
        let rank = a.shape.rank
        precondition(rank >= 2 && b.shape.rank == rank, "both operands are stacks of matrices of the same rank")
        precondition(
            a.shape.prefix(rank - 2).elementsEqual(b.shape.prefix(rank - 2)), "the leading axes are the same")
        let (rows, inner) = transposeA ? (a.shape[rank - 1], a.shape[rank - 2]) : (a.shape[rank - 2], a.shape[rank - 1])
        let (innerB, columns) =
            transposeB ? (b.shape[rank - 1], b.shape[rank - 2]) : (b.shape[rank - 2], b.shape[rank - 1])
        precondition(inner == innerB, "\(a.shape) and \(b.shape) do not multiply")
        var shape = a.shape
        shape[rank - 2] = rows
        shape[rank - 1] = columns
        let result = Tensor(uninitialized: shape, on: a.device)
        a.device.forEach(shape.elementCount(in: 0..<(rank - 2)), work: shape.elementCount * inner / 16) { index in
            MatrixBlock(result.pointer + index * rows * columns, stride: columns).assignProduct(
                MatrixBlock(a.pointer + index * rows * inner, stride: a.shape[rank - 1]).transposed(if: transposeA),
                MatrixBlock(b.pointer + index * inner * columns, stride: b.shape[rank - 1]).transposed(if: transposeB),
                rows: rows, columns: columns, inner: inner)
        }
        return result
    }

    /// For C = A B: dA = g B^T, dB = A^T g; for transposed operands the transposes of these.
    static func gradients(
        _ g: Tensor, a: Tensor, b: Tensor, transposeA: Bool, transposeB: Bool, wanted: [Bool]
    ) -> [Tensor?] {
        let da: Tensor? =
            !wanted[0]
            ? nil
            : transposeA
                ? product(b, g, transposeA: transposeB, transposeB: true)
                : product(g, b, transposeA: false, transposeB: !transposeB)
        let db: Tensor? =
            !wanted[1]
            ? nil
            : transposeB
                ? product(g, a, transposeA: true, transposeB: transposeA)
                : product(a, g, transposeA: !transposeA, transposeB: false)
        return [da, db]
    }
}
