internal import CKernels

/// A head's rows (tokens x features) packed block by block for products: across, as the columns of Q K^T, or down, as
/// the inner dimension of P V.
struct AttentionPacking {
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
    func assignProduct(
        _ a: MatrixBlock, packed: UnsafeMutablePointer<Float>, rows: Int, columns: Int, inner: Int, adding: Bool = false
    ) {
        ck_product(
            pointer, stride, a.pointer, a.isTransposed ? 1 : a.stride, a.isTransposed ? a.stride : 1, packed, rows,
            columns, inner, adding)
    }
}
