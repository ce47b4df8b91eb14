internal import CKernels

extension Attention {
    /// Gradients to queries, keys, values and bias. With P the probabilities and O the result: dV = P^T dO,
    /// dS = P (dO V^T - rowsum(dO O)), dQ = scale dS K, dK = scale dS^T Q, and dS is the bias's.
    ///
    /// - Parameter wanted: of queries, keys, values and, if there is one, the bias.
    func gradients(
        _ g: Tensor, query q: Tensor, key k: Tensor, value v: Tensor, result: Tensor, logSumExp: Tensor, wanted: [Bool]
    ) -> [Tensor?] {
        let device = g.device
        let dq = wanted[0] ? Tensor(uninitialized: q.shape, on: device) : nil
        // Summed over blocks of queries.
        let dk = wanted[1] ? Tensor.zeros(k.shape, on: device) : nil
        let dv = wanted[2] ? Tensor.zeros(v.shape, on: device) : nil
        let dbias = bias.flatMap { wanted[3] ? Tensor.zeros($0.shape, on: device) : nil }
        let needsScores = dq != nil || dk != nil || dbias != nil
        let keyPacking = AttentionPacking(columns: keys, block: keyBlock)
        let queryPacking = AttentionPacking(columns: queries, block: Self.queryBlock)
        let sizes = [
            keyPacking.sizeAcross(size), keyPacking.sizeAcross(valueSize), keyPacking.sizeDown(size),
            queryPacking.sizeDown(size, ofOneBlock: true), queryPacking.sizeDown(valueSize, ofOneBlock: true),
            Self.queryBlock * keyBlock, Self.queryBlock * keyBlock, Self.queryBlock,
        ]
        // The gradient of a bias that samples share is summed over them in their order.
        let pairs = samples * heads
        let chunks = dbias?.shape.rank == 3 ? heads : pairs
        device.forEach(chunks, work: 2 * work) { chunk in
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
                for pair in stride(from: chunk, to: pairs, by: chunks) {
                    keyPacking.packAcross(headBlock(k, pair, width, size), into: across, inner: size)
                    if needsScores {
                        keyPacking.packAcross(
                            headBlock(v, pair, valueWidth, valueSize), into: valuesAcross, inner: valueSize)
                    }
                    if dq != nil { keyPacking.packDown(headBlock(k, pair, width, size), into: down, columns: size) }
                    for rows in queryPacking.blocks {
                        let query = headBlock(q, pair, width, size, first: rows.lowerBound)
                        let slope = headBlock(g, pair, valueWidth, valueSize, first: rows.lowerBound)
                        let dquery = dq.map { headBlock($0, pair, width, size, first: rows.lowerBound) }
                        guard isVisible(0, to: rows, pair: pair) else {
                            if let dquery {
                                for row in 0..<rows.count { ck_fill(dquery.pointer + row * width, 0, size) }
                            }
                            continue
                        }
                        if needsScores {
                            let own = headBlock(result, pair, valueWidth, valueSize, first: rows.lowerBound)
                            ck_row_dots(
                                delta, slope.pointer, valueWidth, own.pointer, valueWidth, rows.count, valueSize)
                        }
                        if dk != nil { ck_pack(queriesDown, query.pointer, width, 1, rows.count, size) }
                        if dv != nil { ck_pack(slopesDown, slope.pointer, valueWidth, 1, rows.count, valueSize) }
                        for columns in keyPacking.blocks where isVisible(columns.lowerBound, to: rows, pair: pair) {
                            p.assignProduct(
                                query, packed: keyPacking.across(across, columns, inner: size), rows: rows.count,
                                columns: columns.count, inner: size)
                            addBias(to: p, rows, columns, pair: pair)
                            forEachVisibleRun(rows, columns, pair: pair) { row, count, visible in
                                let scores = p.pointer + row * keyBlock
                                ck_softmax_recompute(
                                    scores, keyBlock, scores, keyBlock,
                                    logSumExp.pointer + pair * queries + rows.lowerBound + row, softmaxScale, count,
                                    visible)
                                hide(from: visible, of: columns.count, scores, rows: count)
                            }
                            if let dv {
                                headBlock(dv, pair, valueWidth, valueSize, first: columns.lowerBound).assignProduct(
                                    p.transposed, packed: slopesDown, rows: columns.count, columns: valueSize,
                                    inner: rows.count, adding: true)
                            }
                            guard needsScores else { continue }
                            ds.assignProduct(
                                slope, packed: keyPacking.across(valuesAcross, columns, inner: valueSize),
                                rows: rows.count, columns: columns.count, inner: valueSize)
                            ck_softmax_backward_block(
                                ds.pointer, keyBlock, ds.pointer, keyBlock, p.pointer, keyBlock, delta, softmaxScale,
                                rows.count, columns.count)
                            addBiasGradient(ds, rows, columns, pair: pair, to: dbias)
                            if let dquery {
                                dquery.assignProduct(
                                    ds, packed: keyPacking.down(down, columns, columns: size), rows: rows.count,
                                    columns: size, inner: columns.count, adding: columns.lowerBound > 0)
                            }
                            if let dk {
                                headBlock(dk, pair, width, size, first: columns.lowerBound).assignProduct(
                                    ds.transposed, packed: queriesDown, rows: columns.count, columns: size,
                                    inner: rows.count, adding: true)
                            }
                        }
                    }
                }
            }
        }
        return [dq, dk, dv] + (bias == nil ? [] : [dbias])
    }

    /// Where there is a bias: adds a block of dS to its gradient, if that is wanted, and makes it into scale dS.
    private func addBiasGradient(
        _ ds: MatrixBlock, _ rows: Range<Int>, _ columns: Range<Int>, pair: Int, to dbias: Tensor?
    ) {
        guard bias != nil else { return }
        if let dbias {
            ck_accumulate_rows(
                dbias.pointer + biasOffset(rows, columns, pair: pair, of: dbias), keys, ds.pointer, keyBlock,
                rows.count, columns.count)
        }
        for row in 0..<rows.count {
            let slopes = ds.pointer + row * keyBlock
            ck_scale_offset(slopes, slopes, scale, 0, columns.count)
        }
    }
}
