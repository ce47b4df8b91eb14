internal import CKernels
internal import COpenBLAS

/// A row-major block of a matrix somewhere in memory.
struct MatrixBlock {
    let pointer: UnsafeMutablePointer<Float>
    /// Distance between rows, in floats.
    let stride: Int
    /// Whether it stands for its transpose.
    private(set) var isTransposed = false

    init(_ pointer: UnsafeMutablePointer<Float>, stride: Int) {
        self.pointer = pointer
        self.stride = stride
    }

    /// The same memory, read as the transpose. Nothing is copied.
    var transposed: MatrixBlock {
        var copy = self
        copy.isTransposed.toggle()
        return copy
    }

    func transposed(if condition: Bool) -> MatrixBlock { condition ? transposed : self }

    /// C = A B, or C + A B, on the calling thread (BLAS sgemm): this block, C, is `rows` x `columns`, A `rows` x `inner`,
    /// B `inner` x `columns`.
    func assignProduct(
        _ a: MatrixBlock, _ b: MatrixBlock, rows: Int, columns: Int, inner: Int, adding: Bool = false
    ) {
        guard rows > 0, columns > 0 else { return }
        cblas_sgemm(
            CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
            blasint(rows), blasint(columns), blasint(inner), 1, a.pointer, blasint(max(1, a.stride)), b.pointer,
            blasint(max(1, b.stride)), adding ? 1 : 0, pointer, blasint(max(1, stride)))
    }

    /// `assignProduct` for a block of rows.
    ///
    /// Joined rows are what a BLAS kernel sees as its first axis, so C^T = B^T A^T is computed and turned: see `RowBlocks`.
    ///
    /// - Parameter a: of `rows.padded` rows, of whose products the first `rows.count` are kept.
    func assignProduct(
        _ a: MatrixBlock, _ b: MatrixBlock, rows: RowBlocks.Block, columns: Int, inner: Int, on device: Device
    ) {
        guard rows.isJoined else {
            assignProduct(a, b, rows: rows.count, columns: columns, inner: inner)
            return
        }
        device.withScratch(columns * rows.padded) { turned in
            MatrixBlock(turned, stride: rows.padded).assignProduct(
                b.transposed, a.transposed, rows: columns, columns: rows.padded, inner: inner)
            ck_transpose(pointer, stride, turned, rows.padded, columns, rows.count)
        }
    }
}

extension Tensor {
    /// x W^T + b over the innermost axis.
    ///
    /// - Parameters:
    ///   - weight: (O, K), as PyTorch keeps it.
    ///   - bias: (O).
    /// - Returns: (..., O) for an input (..., K).
    public func linear(_ weight: Tensor, bias: Tensor? = nil) -> Tensor {
        precondition(
            shape.rank >= 2 && weight.shape.rank == 2 && weight.shape[1] == shape.last,
            "weights \(weight.shape) do not fit rows of \(shape)")
        return LinearProduct.rows(self, weight: weight, transposed: true, bias: bias, columns: weight.shape[0])
            .recorded(
                .linear(hasBias: bias != nil), inputs: [self, weight] + (bias.map { [$0] } ?? []),
                saving: [self, weight])
    }
}

/// How the rows of a product are cut into blocks: by the rows that one sample has, never by the number of samples.
///
/// The bits of a row depend on the height of the call that it is in and, with the kernels for some processors, on its place
/// there: OpenBLAS treats different rows of a tile differently, and small products in ways of their own. So large samples are
/// cut inside each sample, always alike. Rows of small samples are joined to blocks that are filled up to one height; with that
/// height and the rows along the first axis of the kernel (column-major C^T = B^T A^T), no kernel tells places apart. Any
/// split of a batch then gives the same bits.
struct RowBlocks {
    struct Block {
        var start: Int
        var count: Int
        /// Whether it holds rows of several samples.
        var isJoined: Bool
        /// How many rows the product must be given.
        var padded: Int { isJoined ? joinedHeight : count }
    }

    /// Samples of at least this many rows are not joined.
    private static let smallestSample = 32
    /// Measured on the kernels for Core 2, Nehalem, Prescott, Sandy Bridge, Haswell, Zen, Skylake X and Cooper Lake: 8 and
    /// 16 rows are alike in all places, 24, 32 and 64 are not.
    private static let joinedHeight = 16

    let count: Int
    private let rows: Int
    private let rowsPerSample: Int
    private let blocksPerSample: Int
    /// Rows of a full block.
    private let height: Int
    private let joinsSamples: Bool

    /// - Parameter limit: the most rows that a block may have.
    init(rows: Int, rowsPerSample: Int, limit: Int) {
        self.rows = rows
        self.rowsPerSample = max(1, rowsPerSample)
        joinsSamples = self.rowsPerSample < Self.smallestSample
        if joinsSamples {
            height = Self.joinedHeight
            blocksPerSample = 0
            count = (rows + height - 1) / height
        } else {
            let blocks = (self.rowsPerSample + limit - 1) / limit
            height = ((self.rowsPerSample + blocks - 1) / blocks + 15) & ~15
            blocksPerSample = (self.rowsPerSample + height - 1) / height
            count = rows / self.rowsPerSample * blocksPerSample
        }
    }

    subscript(index: Int) -> Block {
        if joinsSamples {
            let start = index * height
            return Block(start: start, count: min(height, rows - start), isJoined: true)
        }
        let (sample, block) = index.quotientAndRemainder(dividingBy: blocksPerSample)
        let start = block * height
        return Block(
            start: sample * rowsPerSample + start, count: min(height, rowsPerSample - start), isJoined: false)
    }
}

/// The products of a linear layer, y = x W^T + b, with x (rows, K), W (O, K), y (rows, O).
enum LinearProduct {
    private static let rowLimit = 256
    private static let columnLimit = 256

    /// y = x W^T, or x W when not `transposed` (W is then (K, O)), with an optional bias row added.
    static func rows(
        _ x: Tensor, weight: Tensor, transposed: Bool, bias: Tensor?, columns: Int
    ) -> Tensor {
        let inner = x.shape.last
        let result = Tensor(uninitialized: x.shape.withLast(columns), on: x.device)
        let rows = inner == 0 ? result.elementCount / max(1, columns) : x.elementCount / inner
        let blocks = RowBlocks(rows: rows, rowsPerSample: x.shape.rowsPerSample, limit: rowLimit)
        let columnBlocks = max(1, (columns + columnLimit - 1) / columnLimit)
        let width = ((columns + columnBlocks - 1) / columnBlocks + 15) & ~15
        let device = x.device
        device.forEach(blocks.count * columnBlocks) { chunk in
            let (index, columnIndex) = chunk.quotientAndRemainder(dividingBy: columnBlocks)
            let block = blocks[index]
            let first = columnIndex * width
            let count = min(width, columns - first)
            guard count > 0 else { return }
            let weightBlock =
                transposed
                ? MatrixBlock(weight.pointer + first * inner, stride: inner).transposed
                : MatrixBlock(weight.pointer + first, stride: columns)
            let input = x.pointer + block.start * inner
            let output = MatrixBlock(result.pointer + block.start * columns + first, stride: columns)
            if block.padded == block.count {
                output.assignProduct(
                    MatrixBlock(input, stride: inner), weightBlock, rows: block, columns: count, inner: inner,
                    on: device)
            } else {
                device.withScratch(block.padded * inner) { padded in
                    padded.update(from: input, count: block.count * inner)
                    (padded + block.count * inner).update(repeating: 0, count: (block.padded - block.count) * inner)
                    output.assignProduct(
                        MatrixBlock(padded, stride: inner), weightBlock, rows: block, columns: count, inner: inner,
                        on: device)
                }
            }
            if let bias {
                addBias(bias.pointer + first, to: output, rows: block.count, columns: count)
            }
        }
        return result
    }

    static func addBias(_ bias: UnsafeMutablePointer<Float>, to block: MatrixBlock, rows: Int, columns: Int) {
        ck_bias_activation(
            .identity, block.pointer, block.stride, nil, 0, block.pointer, block.stride, bias, nil, 0, rows, columns)
    }

    /// d/dx = g W, shaped like x.
    static func inputGradient(_ g: Tensor, weight: Tensor) -> Tensor {
        rows(g, weight: weight, transposed: false, bias: nil, columns: weight.shape.last)
    }

    /// d/dW = g^T x, a sum over all rows.
    static func weightGradient(_ g: Tensor, input x: Tensor) -> Tensor {
        let outputs = g.shape.last
        let inputs = x.shape.last
        let result = Tensor(uninitialized: [outputs, inputs], on: g.device)
        RowReduction(rows: outputs == 0 ? 0 : g.elementCount / outputs, outputs: outputs, inputs: inputs).run(
            into: result
        ) { block, rows, outputRange, adding in
            block.assignProduct(
                MatrixBlock(g.pointer + rows.lowerBound * outputs + outputRange.lowerBound, stride: outputs)
                    .transposed,
                MatrixBlock(x.pointer + rows.lowerBound * inputs, stride: inputs),
                rows: outputRange.count, columns: inputs, inner: rows.count, adding: adding)
        }
        return result
    }
}

/// A product that adds up over all rows of a batch, as weight gradients do, cut so that the order of the sum is fixed.
///
/// A large result is cut by its rows, each part summing over everything; a small one is summed over slices of the
/// batch's rows, whose partial results are then added in order.
struct RowReduction {
    private let rows: Int
    private let outputs: Int
    private let inputs: Int
    private let slices: Int
    private let outputBlock: Int

    init(rows: Int, outputs: Int, inputs: Int) {
        self.rows = rows
        self.outputs = outputs
        self.inputs = inputs
        let large = outputs >= 64 && outputs * inputs >= 1 << 16
        slices = large ? 1 : max(1, min(8, rows / 256))
        outputBlock = large ? max(16, (outputs / 4 + 15) & ~15) : max(1, outputs)
    }

    /// Runs `product` for every part: it writes (or adds, when told so) the sum over `rows` to rows `outputRange` of the
    /// result, which begin at `block`.
    func run(
        into result: Tensor,
        product: (_ block: MatrixBlock, _ rows: Range<Int>, _ outputRange: Range<Int>, _ adding: Bool) -> Void
    ) {
        guard result.elementCount > 0 else { return }
        let device = result.device
        let outputBlocks = (outputs + outputBlock - 1) / outputBlock
        if slices == 1 {
            device.forEach(outputBlocks) { index in
                let range = index * outputBlock..<min(outputs, (index + 1) * outputBlock)
                product(
                    MatrixBlock(result.pointer + range.lowerBound * inputs, stride: inputs), 0..<rows, range, false)
            }
            return
        }
        let size = outputs * inputs
        device.withScratch(slices * size) { partial in
            device.forEach(slices) { slice in
                let range = rows * slice / slices..<rows * (slice + 1) / slices
                product(MatrixBlock(partial + slice * size, stride: inputs), range, 0..<outputs, false)
            }
            sumInOrder(partial, parts: slices, size: size, into: result.pointer, on: device)
        }
    }
}

/// Adds `parts` partial results that lie one behind the other, in their order.
func sumInOrder(
    _ partial: UnsafeMutablePointer<Float>, parts: Int, size: Int, into result: UnsafeMutablePointer<Float>,
    on device: Device
) {
    device.forEachRange(size, grain: 1 << 14) { range in
        ck_column_sums(result + range.lowerBound, partial + range.lowerBound, size, parts, range.count, false)
    }
}
