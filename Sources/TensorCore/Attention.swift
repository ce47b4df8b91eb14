internal import CKernels

extension Tensor {
    /// Softmax over the innermost axis.
    public func softmax() -> Tensor {
        let result = Tensor(uninitialized: shape, on: device)
        let columns = shape.last
        device.forEachRange(columns == 0 ? 0 : elementCount / columns, grain: max(1, Elementwise.grain / columns)) {
            rows in
            let first = rows.lowerBound * columns
            ck_softmax(result.pointer + first, columns, nil, pointer + first, columns, 1, rows.count, columns)
        }
        return result.recorded(.softmax, inputs: [self], saving: [result])
    }

    /// Multi-head attention, softmax(scale Q K^T) V for each head (Vaswani et al. 2017, section 3.2).
    ///
    /// The scores exist for one block of queries at a time; the backward pass computes them again (Dao et al. 2022).
    ///
    /// - Parameters:
    ///   - key: (N, S, D). `value`: (N, S, E). D and E hold the heads side by side.
    ///   - scale: most often 1 / sqrt(D / heads).
    /// - Returns: (N, L, E) for queries (N, L, D).
    public func attention(key: Tensor, value: Tensor, heads: Int, scale: Float) -> Tensor {
        precondition(shape.rank == 3 && key.shape.rank == 3 && value.shape.rank == 3, "tokens are (N, L, C)")
        precondition(
            shape[0] == key.shape[0] && shape[0] == value.shape[0] && key.shape[1] == value.shape[1]
                && shape[2] == key.shape[2] && shape[2] % heads == 0 && value.shape[2] % heads == 0,
            "queries \(shape), keys \(key.shape) and values \(value.shape) do not fit")
        let (result, logSumExp) = Attention.forward(self, key, value, heads: heads, scale: scale)
        return result.recorded(
            .attention(heads: heads, scale: scale), inputs: [self, key, value],
            saving: [self, key, value, result, logSumExp])
    }
}

enum Softmax {
    static func gradient(_ g: Tensor, result y: Tensor) -> Tensor {
        let dx = Tensor(uninitialized: y.shape, on: y.device)
        let columns = y.shape.last
        y.device.forEachRange(columns == 0 ? 0 : y.elementCount / columns, grain: max(1, Elementwise.grain / columns)) {
            rows in
            let first = rows.lowerBound * columns
            ck_softmax_backward(
                dx.pointer + first, columns, g.pointer + first, columns, y.pointer + first, columns, 1, rows.count,
                columns)
        }
        return dx
    }
}

enum Attention {
    /// Queries that are multiplied at once.
    private static let block = 64

    /// The extents of an attention and where its heads lie.
    private struct Extents {
        let samples: Int
        let heads: Int
        let queries: Int
        let keys: Int
        /// Innermost extents of queries and keys, and of values.
        let width: Int
        let valueWidth: Int
        var size: Int { width / heads }
        var valueSize: Int { valueWidth / heads }
        var blocks: Int { (queries + block - 1) / block }

        init(_ q: Tensor, _ k: Tensor, _ v: Tensor, heads: Int) {
            samples = q.shape[0]
            self.heads = heads
            queries = q.shape[1]
            keys = k.shape[1]
            width = q.shape[2]
            valueWidth = v.shape[2]
        }

        /// Queries `first..<` of head `head`, in a tensor shaped like the queries.
        func queryBlock(_ tensor: Tensor, _ sample: Int, _ head: Int, first: Int) -> MatrixBlock {
            MatrixBlock(tensor.pointer + (sample * queries + first) * width + head * size, stride: width)
        }
        /// The same in a tensor shaped like the result.
        func resultBlock(_ tensor: Tensor, _ sample: Int, _ head: Int, first: Int) -> MatrixBlock {
            MatrixBlock(
                tensor.pointer + (sample * queries + first) * valueWidth + head * valueSize, stride: valueWidth)
        }
        func keyBlock(_ tensor: Tensor, _ sample: Int, _ head: Int) -> MatrixBlock {
            MatrixBlock(tensor.pointer + sample * keys * width + head * size, stride: width)
        }
        func valueBlock(_ tensor: Tensor, _ sample: Int, _ head: Int) -> MatrixBlock {
            MatrixBlock(tensor.pointer + sample * keys * valueWidth + head * valueSize, stride: valueWidth)
        }
    }

    /// The result (N, L, E) and the log-sum-exp of each row of scores (N, heads, L).
    static func forward(
        _ q: Tensor, _ k: Tensor, _ v: Tensor, heads: Int, scale: Float
    ) -> (result: Tensor, logSumExp: Tensor) {
        let e = Extents(q, k, v, heads: heads)
        let device = q.device
        let result = Tensor(uninitialized: [e.samples, e.queries, e.valueWidth], on: device)
        let logSumExp = Tensor(uninitialized: [e.samples, heads, e.queries], on: device)
        device.forEach(e.samples * heads * e.blocks) { chunk in
            let (pair, index) = chunk.quotientAndRemainder(dividingBy: e.blocks)
            let (sample, head) = pair.quotientAndRemainder(dividingBy: heads)
            let first = index * block
            let rows = min(block, e.queries - first)
            device.withScratch(rows * e.keys) { scores in
                let p = MatrixBlock(scores, stride: e.keys)  // (rows, S)
                p.assignProduct(
                    e.queryBlock(q, sample, head, first: first), e.keyBlock(k, sample, head).transposed,
                    rows: rows, columns: e.keys, inner: e.size)
                ck_softmax(
                    scores, e.keys, logSumExp.pointer + (sample * heads + head) * e.queries + first, scores, e.keys,
                    scale, rows, e.keys)
                e.resultBlock(result, sample, head, first: first).assignProduct(
                    p, e.valueBlock(v, sample, head), rows: rows, columns: e.valueSize, inner: e.keys)
            }
        }
        return (result, logSumExp)
    }

    /// Gradients to queries, keys and values. With P the probabilities and O the result: dV = P^T dO,
    /// dS = P (dO V^T - rowsum(dO O)), dQ = scale dS K, dK = scale dS^T Q.
    static func gradients(
        _ g: Tensor, query q: Tensor, key k: Tensor, value v: Tensor, result: Tensor, logSumExp: Tensor, heads: Int,
        scale: Float
    ) -> [Tensor?] {
        let e = Extents(q, k, v, heads: heads)
        let device = g.device
        let dq = Tensor(uninitialized: q.shape, on: device)
        let dk = Tensor(uninitialized: k.shape, on: device)
        let dv = Tensor(uninitialized: v.shape, on: device)
        device.forEach(e.samples * heads) { pair in
            let (sample, head) = pair.quotientAndRemainder(dividingBy: heads)
            device.withScratch(block * (2 * e.keys + 1)) { scratch in
                let p = MatrixBlock(scratch, stride: e.keys)  // (rows, S)
                let ds = MatrixBlock(scratch + block * e.keys, stride: e.keys)  // (rows, S)
                let delta = scratch + 2 * block * e.keys  // (rows)
                for first in stride(from: 0, to: e.queries, by: block) {
                    let rows = min(block, e.queries - first)
                    let output = e.resultBlock(g, sample, head, first: first)
                    let queries = e.queryBlock(q, sample, head, first: first)
                    p.assignProduct(
                        queries, e.keyBlock(k, sample, head).transposed, rows: rows, columns: e.keys,
                        inner: e.size)
                    ck_softmax_recompute(
                        p.pointer, e.keys, p.pointer, e.keys,
                        logSumExp.pointer + (sample * heads + head) * e.queries + first, scale, rows, e.keys)
                    e.valueBlock(dv, sample, head).assignProduct(
                        p.transposed, output, rows: e.keys, columns: e.valueSize, inner: rows, adding: first > 0)
                    ds.assignProduct(
                        output, e.valueBlock(v, sample, head).transposed, rows: rows, columns: e.keys,
                        inner: e.valueSize)
                    let own = e.resultBlock(result, sample, head, first: first)
                    ck_row_dots(delta, output.pointer, output.stride, own.pointer, own.stride, rows, e.valueSize)
                    ck_softmax_backward_block(
                        ds.pointer, e.keys, ds.pointer, e.keys, p.pointer, e.keys, delta, scale, rows, e.keys)
                    e.queryBlock(dq, sample, head, first: first).assignProduct(
                        ds, e.keyBlock(k, sample, head), rows: rows, columns: e.size, inner: e.keys)
                    e.keyBlock(dk, sample, head).assignProduct(
                        ds.transposed, queries, rows: e.keys, columns: e.size, inner: rows, adding: first > 0)
                }
            }
        }
        return [dq, dk, dv]
    }
}
