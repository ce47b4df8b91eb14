internal import CKernels

extension Tensor {
    /// Multi-head attention, softmax(scale Q K^T + bias) V for each head (Vaswani et al. 2017, section 3.2).
    ///
    /// The scores exist for one block of queries and keys at a time, with a running softmax; the backward pass computes them
    /// again (Dao et al. 2022).
    ///
    /// - Parameters:
    ///   - key: (N, S, D). `value`: (N, S, E). D and E hold the heads side by side.
    ///   - scale: most often 1 / sqrt(D / heads).
    ///   - bias: added to the scaled scores: (heads, L, S) for all samples alike, or (N, heads, L, S). It may be
    ///     -infinity, but not for all keys of a query.
    /// - Returns: (N, L, E) for queries (N, L, D); 0 where the mask leaves a sample no keys.
    public func attention(
        key: Tensor, value: Tensor, heads: Int, scale: Float, mask: AttentionMask = .none, bias: Tensor? = nil
    ) -> Tensor {
        precondition(shape.rank == 3 && key.shape.rank == 3 && value.shape.rank == 3, "tokens are (N, L, C)")
        precondition(
            shape[0] == key.shape[0] && shape[0] == value.shape[0] && key.shape[1] == value.shape[1]
                && shape[2] == key.shape[2] && shape[2] % heads == 0 && value.shape[2] % heads == 0,
            "queries \(shape), keys \(key.shape) and values \(value.shape) do not fit")
        if let counts = mask.keyCounts {
            precondition(
                counts.count == shape[0] && counts.allSatisfy { (0...key.shape[1]).contains($0) },
                "\(counts) keys of \(key.shape)")
        }
        if let bias {
            let scores: Shape = [heads, shape[1], key.shape[1]]
            precondition(
                bias.shape == scores || bias.shape == Shape([shape[0]] + Array(scores)),
                "a bias \(bias.shape) does not fit scores of \(scores)")
        }
        let attention = Attention(self, key, value, bias: bias, heads: heads, scale: scale, mask: mask)
        let (result, logSumExp) = attention.forward(self, key, value)
        return result.recorded(
            .attention(heads: heads, scale: scale, mask: mask), inputs: [self, key, value] + [bias].compactMap(\.self),
            saving: [self, key, value, result, logSumExp] + [bias].compactMap(\.self))
    }
}

/// One attention's extents and the blocks that it is computed in. Blocks are chosen by the width of a head alone, so a sample's
/// bits depend neither on its batch nor on threads.
struct Attention {
    /// Queries that are multiplied at once.
    static let queryBlock = 8 * Int(CK_PRODUCT_TILE)

    let samples: Int
    let heads: Int
    let queries: Int
    let keys: Int
    /// Innermost extents of queries and keys, and of values.
    let width: Int
    let valueWidth: Int
    let scale: Float
    let mask: AttentionMask
    let bias: Tensor?
    /// Of one head.
    let size: Int
    let valueSize: Int
    /// Of the two products, as `Device.forEach` counts it.
    var work: Int { samples * queries * keys * (width + valueWidth) / 16 }
    /// Keys whose scores exist at once. Their part of keys and values stays in a core's second-level cache.
    let keyBlock: Int

    init(_ q: Tensor, _ k: Tensor, _ v: Tensor, bias: Tensor?, heads: Int, scale: Float, mask: AttentionMask) {
        samples = q.shape[0]
        self.heads = heads
        queries = q.shape[1]
        keys = k.shape[1]
        width = q.shape[2]
        valueWidth = v.shape[2]
        self.scale = scale
        self.mask = mask
        self.bias = bias
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
        let packing = AttentionPacking(columns: keys, block: keyBlock)
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
                guard isVisible(0, to: rows, pair: pair) else {
                    for row in 0..<rows.count { ck_fill(output.pointer + row * valueWidth, 0, valueSize) }
                    ck_fill(logSumExp.pointer + pair * queries + rows.lowerBound, -.infinity, rows.count)
                    return
                }
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
                        addBias(to: p, rows, columns, pair: pair)
                        forEachVisibleRun(rows, columns, pair: pair) { row, count, visible in
                            let scores = p.pointer + row * keyBlock
                            ck_softmax_block(
                                scores, keyBlock, maximum + row, sum + row, correction + row, softmaxScale,
                                count, visible)
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

    /// Rows `first...` of one head of one sample (`pair` counts both) in a tensor of the given widths.
    func headBlock(_ tensor: Tensor, _ pair: Int, _ width: Int, _ size: Int, first: Int = 0) -> MatrixBlock {
        let (sample, head) = pair.quotientAndRemainder(dividingBy: heads)
        return MatrixBlock(
            tensor.pointer + (sample * tensor.shape[1] + first) * width + head * size, stride: width)
    }

    // MARK: - Bias

    /// What the softmax multiplies its scores with: they are scaled already where a bias was added to them.
    var softmaxScale: Float { bias == nil ? scale : 1 }

    /// Where the block `rows` x `columns` of one head of one sample begins in a bias, or in its gradient.
    func biasOffset(_ rows: Range<Int>, _ columns: Range<Int>, pair: Int, of bias: Tensor) -> Int {
        let own = bias.shape.rank == 3 ? pair % heads : pair
        return (own * queries + rows.lowerBound) * keys + columns.lowerBound
    }

    /// Makes a block of products into scale Q K^T + bias, where there is a bias.
    func addBias(to scores: MatrixBlock, _ rows: Range<Int>, _ columns: Range<Int>, pair: Int) {
        guard let bias else { return }
        ck_scale_add_rows(
            scores.pointer, keyBlock, scores.pointer, keyBlock, scale,
            bias.pointer + biasOffset(rows, columns, pair: pair, of: bias), keys, rows.count, columns.count)
    }

    // MARK: - Mask

    private func visibleKeys(_ row: Int, pair: Int) -> Int { mask.visible(row, of: keys, sample: pair / heads) }

    /// Whether any of the queries `rows` attends to key `column`.
    func isVisible(_ column: Int, to rows: Range<Int>, pair: Int) -> Bool {
        column < visibleKeys(rows.upperBound - 1, pair: pair)
    }

    /// Probabilities of keys that are masked are 0.
    func hide(from visible: Int, of columns: Int, _ scores: UnsafeMutablePointer<Float>, rows: Int) {
        guard visible < columns else { return }
        for row in 0..<rows { ck_fill(scores + row * keyBlock + visible, 0, columns - visible) }
    }

    /// Calls `body` for runs of rows that attend to equally many of the keys `columns`: the first row, counted from the
    /// first of `rows`, how many rows, and how many keys.
    func forEachVisibleRun(
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
