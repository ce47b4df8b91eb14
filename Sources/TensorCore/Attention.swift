internal import CKernels

/// Which keys a query sees.
public enum AttentionMask: Sendable, Hashable {
    case none
    /// Query i sees the keys 0...i.
    case causal
    /// The first keys of each sample, as many as given, at least 1: the others are padding.
    case keyCounts([Int])
}

extension Tensor {
    /// Multi-head attention, softmax(scale Q K^T) V for each head (Vaswani et al. 2017, section 3.2).
    ///
    /// The scores exist for one block of queries and keys at a time, with a running softmax; the backward pass computes them
    /// again (Dao et al. 2022).
    ///
    /// - Parameters:
    ///   - key: (N, S, D). `value`: (N, S, E). D and E hold the heads side by side.
    ///   - scale: most often 1 / sqrt(D / heads).
    /// - Returns: (N, L, E) for queries (N, L, D).
    public func attention(
        key: Tensor, value: Tensor, heads: Int, scale: Float, mask: AttentionMask = .none
    ) -> Tensor {
        precondition(shape.rank == 3 && key.shape.rank == 3 && value.shape.rank == 3, "tokens are (N, L, C)")
        precondition(
            shape[0] == key.shape[0] && shape[0] == value.shape[0] && key.shape[1] == value.shape[1]
                && shape[2] == key.shape[2] && shape[2] % heads == 0 && value.shape[2] % heads == 0,
            "queries \(shape), keys \(key.shape) and values \(value.shape) do not fit")
        if case .keyCounts(let counts) = mask {
            precondition(
                counts.count == shape[0] && counts.allSatisfy { (1...key.shape[1]).contains($0) },
                "\(counts) keys of \(key.shape)")
        }
        let attention = Attention(self, key, value, heads: heads, scale: scale, mask: mask)
        let (result, logSumExp) = attention.forward(self, key, value)
        return result.recorded(
            .attention(heads: heads, scale: scale, mask: mask), inputs: [self, key, value],
            saving: [self, key, value, result, logSumExp])
    }
}

/// One attention's extents and the blocks that it is computed in. Blocks are chosen by the width of a head alone, so a sample's
/// bits depend neither on its batch nor on threads.
struct Attention {
    /// Queries that are multiplied at once; a multiple of the kernels' rows.
    private static let queryBlock = 96

    private let samples: Int
    private let heads: Int
    private let queries: Int
    private let keys: Int
    /// Innermost extents of queries and keys, and of values.
    private let width: Int
    private let valueWidth: Int
    private let scale: Float
    private let mask: AttentionMask
    /// Of one head.
    private let size: Int
    private let valueSize: Int
    /// Of the two products, as `Device.forEach` counts it.
    private var work: Int { samples * queries * keys * (width + valueWidth) / 16 }
    /// Keys whose scores exist at once. Their part of keys and values stays in a core's second-level cache.
    private let keyBlock: Int

    init(_ q: Tensor, _ k: Tensor, _ v: Tensor, heads: Int, scale: Float, mask: AttentionMask) {
        samples = q.shape[0]
        self.heads = heads
        queries = q.shape[1]
        keys = k.shape[1]
        width = q.shape[2]
        valueWidth = v.shape[2]
        self.scale = scale
        self.mask = mask
        size = width / heads
        valueSize = valueWidth / heads
        keyBlock = min(512, max(128, (1 << 15) / max(1, size, valueSize) & ~(PackedMatrix.panel - 1)))
    }

    /// The result (N, L, E) and the log-sum-exp of each row of scores (N, heads, L).
    func forward(_ q: Tensor, _ k: Tensor, _ v: Tensor) -> (result: Tensor, logSumExp: Tensor) {
        let device = q.device
        let result = Tensor(uninitialized: [samples, queries, valueWidth], on: device)
        let logSumExp = Tensor(uninitialized: [samples, heads, queries], on: device)
        let blocks = (queries + Self.queryBlock - 1) / Self.queryBlock
        let packing = Packing(columns: keys, block: keyBlock)
        let (keySize, valueRoom) = (packing.sizeAcross(size), packing.sizeDown(valueSize))
        device.withScratch(samples * heads * (keySize + valueRoom)) { packed in
            device.forEach(samples * heads, work: k.elementCount + v.elementCount) { pair in
                let own = packed + pair * (keySize + valueRoom)
                packing.packAcross(headBlock(k, pair, width, size), into: own, inner: size)
                packing.packDown(headBlock(v, pair, valueWidth, valueSize), into: own + keySize, columns: valueSize)
            }
            device.forEach(samples * heads * blocks, work: work) { chunk in
                let (pair, index) = chunk.quotientAndRemainder(dividingBy: blocks)
                let rows = index * Self.queryBlock..<min(queries, (index + 1) * Self.queryBlock)
                let own = packed + pair * (keySize + valueRoom)
                let query = headBlock(q, pair, width, size, first: rows.lowerBound)
                let output = headBlock(result, pair, valueWidth, valueSize, first: rows.lowerBound)
                device.withScratch(Self.queryBlock * (keyBlock + 3)) { scratch in
                    let maximum = scratch + Self.queryBlock * keyBlock
                    let (sum, correction) = (maximum + Self.queryBlock, maximum + 2 * Self.queryBlock)
                    ck_fill(maximum, -.infinity, rows.count)
                    ck_fill(sum, 0, rows.count)
                    for columns in packing.blocks where isVisible(columns.lowerBound, to: rows, pair: pair) {
                        let p = MatrixBlock(scratch, stride: keyBlock)  // (rows, columns)
                        p.assignProduct(
                            query, packed: packing.across(own, columns, inner: size), rows: rows.count,
                            columns: columns.count, inner: size)
                        forEachVisibleRun(rows, columns, pair: pair) { row, count, visible in
                            let scores = p.pointer + row * keyBlock
                            ck_softmax_block(
                                scores, keyBlock, maximum + row, sum + row, correction + row, scale, count, visible)
                            hide(from: visible, of: columns.count, scores, rows: count)
                        }
                        if columns.lowerBound > 0 {
                            ck_scale_rows(
                                output.pointer, valueWidth, output.pointer, valueWidth, correction, rows.count,
                                valueSize)
                        }
                        output.assignProduct(
                            p, packed: packing.down(own + keySize, columns, columns: valueSize), rows: rows.count,
                            columns: valueSize, inner: columns.count, adding: columns.lowerBound > 0)
                    }
                    ck_softmax_finish(
                        output.pointer, valueWidth, logSumExp.pointer + pair * queries + rows.lowerBound, maximum, sum,
                        rows.count, valueSize)
                }
            }
        }
        return (result, logSumExp)
    }

    /// Gradients to queries, keys and values. With P the probabilities and O the result: dV = P^T dO,
    /// dS = P (dO V^T - rowsum(dO O)), dQ = scale dS K, dK = scale dS^T Q.
    func gradients(
        _ g: Tensor, query q: Tensor, key k: Tensor, value v: Tensor, result: Tensor, logSumExp: Tensor
    ) -> [Tensor?] {
        let device = g.device
        let dq = Tensor(uninitialized: q.shape, on: device)
        // Summed over blocks of queries.
        let (dk, dv) = (Tensor.zeros(k.shape, on: device), Tensor.zeros(v.shape, on: device))
        let keyPacking = Packing(columns: keys, block: keyBlock)
        let queryPacking = Packing(columns: queries, block: Self.queryBlock)
        let sizes = [
            keyPacking.sizeAcross(size), keyPacking.sizeAcross(valueSize), keyPacking.sizeDown(size),
            queryPacking.sizeDown(size, ofOneBlock: true), queryPacking.sizeDown(valueSize, ofOneBlock: true),
            Self.queryBlock * keyBlock, Self.queryBlock * keyBlock, Self.queryBlock,
        ]
        device.forEach(samples * heads, work: 2 * work) { pair in
            device.withScratch(sizes.reduce(0, +)) { scratch in
                var end = scratch
                let parts = sizes.map { size in
                    defer { end += size }
                    return end
                }
                let (across, valuesAcross, down) = (parts[0], parts[1], parts[2])
                let (queriesDown, slopesDown) = (parts[3], parts[4])
                let p = MatrixBlock(parts[5], stride: keyBlock)  // (rows, columns)
                let ds = MatrixBlock(parts[6], stride: keyBlock)  // (rows, columns)
                let delta = parts[7]  // (rows)
                keyPacking.packAcross(headBlock(k, pair, width, size), into: across, inner: size)
                keyPacking.packAcross(
                    headBlock(v, pair, valueWidth, valueSize), into: valuesAcross, inner: valueSize)
                keyPacking.packDown(headBlock(k, pair, width, size), into: down, columns: size)
                for rows in queryPacking.blocks {
                    let query = headBlock(q, pair, width, size, first: rows.lowerBound)
                    let slope = headBlock(g, pair, valueWidth, valueSize, first: rows.lowerBound)
                    let own = headBlock(result, pair, valueWidth, valueSize, first: rows.lowerBound)
                    let dquery = headBlock(dq, pair, width, size, first: rows.lowerBound)
                    ck_row_dots(delta, slope.pointer, valueWidth, own.pointer, valueWidth, rows.count, valueSize)
                    ck_pack(queriesDown, query.pointer, width, 1, rows.count, size)
                    ck_pack(slopesDown, slope.pointer, valueWidth, 1, rows.count, valueSize)
                    for columns in keyPacking.blocks where isVisible(columns.lowerBound, to: rows, pair: pair) {
                        p.assignProduct(
                            query, packed: keyPacking.across(across, columns, inner: size), rows: rows.count,
                            columns: columns.count, inner: size)
                        forEachVisibleRun(rows, columns, pair: pair) { row, count, visible in
                            let scores = p.pointer + row * keyBlock
                            ck_softmax_recompute(
                                scores, keyBlock, scores, keyBlock,
                                logSumExp.pointer + pair * queries + rows.lowerBound + row, scale, count, visible)
                            hide(from: visible, of: columns.count, scores, rows: count)
                        }
                        headBlock(dv, pair, valueWidth, valueSize, first: columns.lowerBound).assignProduct(
                            p.transposed, packed: slopesDown, rows: columns.count, columns: valueSize,
                            inner: rows.count, adding: true)
                        ds.assignProduct(
                            slope, packed: keyPacking.across(valuesAcross, columns, inner: valueSize),
                            rows: rows.count, columns: columns.count, inner: valueSize)
                        ck_softmax_backward_block(
                            ds.pointer, keyBlock, ds.pointer, keyBlock, p.pointer, keyBlock, delta, scale, rows.count,
                            columns.count)
                        dquery.assignProduct(
                            ds, packed: keyPacking.down(down, columns, columns: size), rows: rows.count,
                            columns: size, inner: columns.count, adding: columns.lowerBound > 0)
                        headBlock(dk, pair, width, size, first: columns.lowerBound).assignProduct(
                            ds.transposed, packed: queriesDown, rows: columns.count, columns: size,
                            inner: rows.count, adding: true)
                    }
                }
            }
        }
        return [dq, dk, dv]
    }

    /// Rows `first...` of one head of one sample (`pair` counts both) in a tensor of the given widths.
    private func headBlock(_ tensor: Tensor, _ pair: Int, _ width: Int, _ size: Int, first: Int = 0) -> MatrixBlock {
        let (sample, head) = pair.quotientAndRemainder(dividingBy: heads)
        return MatrixBlock(
            tensor.pointer + (sample * tensor.shape[1] + first) * width + head * size, stride: width)
    }

    // MARK: - Masks

    /// How many keys query `row` sees.
    private func visibleKeys(_ row: Int, pair: Int) -> Int {
        switch mask {
        case .none: keys
        case .causal: min(keys, row + 1)
        case .keyCounts(let counts): counts[pair / heads]
        }
    }

    /// Whether any of the queries `rows` sees key `column`.
    private func isVisible(_ column: Int, to rows: Range<Int>, pair: Int) -> Bool {
        column < visibleKeys(rows.upperBound - 1, pair: pair)
    }

    /// Probabilities of keys that are not seen are 0.
    private func hide(from visible: Int, of columns: Int, _ scores: UnsafeMutablePointer<Float>, rows: Int) {
        guard visible < columns else { return }
        for row in 0..<rows { ck_fill(scores + row * keyBlock + visible, 0, columns - visible) }
    }

    /// Calls `body` for runs of rows that see equally many of the keys `columns`: the first row, counted from the first of
    /// `rows`, how many rows, and how many keys.
    private func forEachVisibleRun(
        _ rows: Range<Int>, _ columns: Range<Int>, pair: Int, _ body: (_ row: Int, _ count: Int, _ visible: Int) -> Void
    ) {
        func visible(_ row: Int) -> Int {
            max(0, min(columns.count, visibleKeys(row, pair: pair) - columns.lowerBound))
        }
        if visible(rows.lowerBound) == visible(rows.upperBound - 1) {
            body(0, rows.count, visible(rows.lowerBound))
        } else {
            for row in rows { body(row - rows.lowerBound, 1, visible(row)) }
        }
    }
}

/// A head's rows (tokens x features) packed block by block for products: across, as the columns of Q K^T, or down, as the inner
/// dimension of P V.
private struct Packing {
    let columns: Int
    let block: Int

    /// The blocks of tokens.
    var blocks: some Sequence<Range<Int>> {
        stride(from: 0, to: columns, by: block).lazy.map { $0..<min(columns, $0 + block) }
    }

    /// Floats that all tokens take. Blocks are multiples of a panel's width, so that only the last panel is padded.
    func sizeAcross(_ inner: Int) -> Int { ck_packed_size(inner, columns) }

    func sizeDown(_ columns: Int, ofOneBlock: Bool = false) -> Int {
        ck_packed_size(ofOneBlock ? block : self.columns, columns)
    }

    func packAcross(_ rows: MatrixBlock, into packed: UnsafeMutablePointer<Float>, inner: Int) {
        ck_pack(packed, rows.pointer, 1, rows.stride, inner, columns)
    }

    func packDown(_ rows: MatrixBlock, into packed: UnsafeMutablePointer<Float>, columns: Int) {
        for range in blocks {
            ck_pack(
                down(packed, range, columns: columns), rows.pointer + range.lowerBound * rows.stride, rows.stride, 1,
                range.count, columns)
        }
    }

    /// Where the tokens `range`, a block, lie.
    func across(_ packed: UnsafeMutablePointer<Float>, _ range: Range<Int>, inner: Int) -> UnsafeMutablePointer<Float> {
        packed + range.lowerBound * inner
    }

    func down(_ packed: UnsafeMutablePointer<Float>, _ range: Range<Int>, columns: Int) -> UnsafeMutablePointer<Float> {
        packed + ck_packed_size(range.lowerBound, columns)
    }
}

extension MatrixBlock {
    /// C = A B, or C + A B, on the calling thread, B packed.
    fileprivate func assignProduct(
        _ a: MatrixBlock, packed: UnsafeMutablePointer<Float>, rows: Int, columns: Int, inner: Int, adding: Bool = false
    ) {
        ck_product(
            pointer, stride, a.pointer, a.isTransposed ? 1 : a.stride, a.isTransposed ? a.stride : 1, packed, rows,
            columns, inner, adding)
    }
}
