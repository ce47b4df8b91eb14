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
}

extension Tensor {
    /// x W^T + b over the innermost axis.
    ///
    /// - Parameters:
    ///   - weight: (O, K), as PyTorch keeps it.
    ///   - bias: (O).
    /// - Returns: (..., O) for an input (..., K).
    public func linear(_ weight: Tensor, bias: Tensor? = nil) -> Tensor {
        linear(weight, bias: bias, then: nil)
    }

    /// f(x W^T + b) + residual, in one pass over the result.
    ///
    /// - Parameter residual: (..., O).
    package func linear(
        _ weight: Tensor, bias: Tensor?, then activation: Activation?, plus residual: Tensor? = nil
    ) -> Tensor {
        let resultShape = checkedShape(timesTransposed: weight.shape, plus: residual)
        var epilogue = Epilogue(bias: bias, activation: activation, residual: residual)
        let inputs = [self, weight] + epilogue.inputs
        // Where the derivative reads the result, and nothing is added to that, it is kept instead.
        let keepsResult = activation.map { !$0.keepsInput && residual == nil } ?? false
        if activation != nil, !keepsResult, inputs.contains(where: \.isRecorded) {
            epilogue.preactivation = Tensor(uninitialized: resultShape, on: device)
        }
        let result = LinearProduct.forward(self, weight: weight, epilogue, outputs: weight.shape[0])
        return result.recorded(
            .linear(epilogue.parts, activation), inputs: inputs,
            saving: [self, weight] + (keepsResult ? [result] : epilogue.preactivation.map { [$0] } ?? []))
    }

    /// The same with weights in 16 bits, which are widened where they are packed: the matrix never exists in 32 bits.
    /// The bits of the result are those with `weight.widened()`.
    package func linear(
        _ weight: HalfTensor, bias: Tensor?, then activation: Activation?, plus residual: Tensor? = nil
    ) -> Tensor {
        let epilogue = Epilogue(bias: bias, activation: activation, residual: residual)
        guard !isRecorded, !epilogue.inputs.contains(where: \.isRecorded) else {
            return linear(weight.widened(), bias: bias, then: activation, plus: residual)
        }
        _ = checkedShape(timesTransposed: weight.shape, plus: residual)
        return LinearProduct.rows(self, PackedMatrix(transposing: weight), epilogue)
    }

    /// The shape of x W^T.
    private func checkedShape(timesTransposed weight: Shape, plus residual: Tensor?) -> Shape {
        precondition(
            shape.rank >= 2 && weight.rank == 2 && weight[1] == shape.last,
            "weights \(weight) do not fit rows of \(shape)")
        let result = shape.withLast(weight[0])
        precondition(residual.map { $0.shape == result } ?? true, "a residual has the shape of the result")
        return result
    }
}

/// The products of a linear layer, y = x W^T + b, with x (rows, K), W (O, K), y (rows, O).
enum LinearProduct {
    /// y = f(x W^T + b) + residual.
    static func forward(_ x: Tensor, weight: Tensor, _ epilogue: Epilogue, outputs: Int) -> Tensor {
        let inputs = x.shape.last
        let packed = PackedMatrix(
            MatrixBlock(weight.pointer, stride: inputs).transposed, inner: inputs, columns: outputs, on: x.device)
        return rows(x, packed, epilogue)
    }

    /// d/dx = g W, shaped like x.
    static func inputGradient(_ g: Tensor, weight: Tensor, inputs: Int) -> Tensor {
        let packed = PackedMatrix(
            MatrixBlock(weight.pointer, stride: inputs), inner: g.shape.last, columns: inputs, on: g.device)
        return rows(g, packed, Epilogue())
    }

    /// The gradients of all inputs, where they are wanted.
    ///
    /// - Parameters:
    ///   - kept: what the activation's derivative reads; nil without an activation.
    ///   - target: where the weights' gradient is kept.
    static func gradients(
        _ g: Tensor, _ parts: EpilogueParts, _ activation: Activation?, kept: Tensor?, input: Tensor, weight: Tensor,
        wanted: [Bool], target: Tensor?
    ) -> [Tensor?] {
        // A residual, which is last, bypasses the activation.
        let isReached = wanted.dropLast(parts.contains(.residual) ? 1 : 0).contains(true)
        let u = isReached ? activation.map { $0.unary.gradient(g, saved: kept) } ?? g : g  // g f'(u)
        return [
            wanted[0] ? inputGradient(u, weight: weight, inputs: weight.shape[1]) : nil,  // u' W
            wanted[1] ? weightGradient(u, input: input, into: target) : nil,  // u'^T x
        ] + Epilogue.gradients(parts, g, before: u, wanted: wanted)  // 1^T u', g
    }

    /// f(x B + bias) + residual for packed B.
    static func rows(_ x: Tensor, _ weights: PackedMatrix, _ epilogue: Epilogue) -> Tensor {
        let result = Tensor(uninitialized: x.shape.withLast(weights.columns), on: x.device)
        let rows = x.shape.elementCount(in: 0..<(x.shape.rank - 1))
        let cut = ProductCut(rows: rows, columns: weights.columns, inner: weights.inner)
        x.device.forEach(cut.count, work: rows * weights.columns * weights.inner / 16) { index in
            let (rows, columns) = cut[index]
            let output = MatrixBlock(
                result.pointer + rows.lowerBound * weights.columns + columns.lowerBound, stride: weights.columns)
            output.assignProduct(
                MatrixBlock(x.pointer + rows.lowerBound * weights.inner, stride: weights.inner), weights,
                rows: rows.count, columns: columns)
            epilogue.finish(result, width: weights.columns, rows: rows, columns: columns)
        }
        return result
    }

    /// d/dW = g^T x, a sum over all rows; in `target`, where that is given.
    static func weightGradient(_ g: Tensor, input x: Tensor, into target: Tensor? = nil) -> Tensor {
        let outputs = g.shape.last
        let inputs = x.shape.last
        let result = target ?? Tensor(uninitialized: [outputs, inputs], on: g.device)
        RowReduction(rows: outputs == 0 ? 0 : g.elementCount / outputs, outputs: outputs, inputs: inputs).run(
            g, x, into: result)
        return result
    }
}

/// How a product with packed weights is cut over threads: by its size. No bit depends on it.
struct ProductCut {
    /// Multiply-adds that are worth a turn of a thread.
    private static let grain = 1 << 20
    /// Weights that a core keeps in its second-level cache beside what it multiplies with them.
    private static let cachedWeights = 1 << 18
    /// Parts that leave no thread idle for long at the end.
    private static let enoughParts = 16
    /// Rows that a core keeps in its second-level cache.
    private static let mostRows = Int(CK_PRODUCT_ROWS)
    /// Rows that the kernels multiply at once.
    private static let tile = Int(CK_PRODUCT_TILE)

    let count: Int
    private let rows: Int
    private let columns: Int
    private let height: Int
    private let width: Int
    private let across: Int

    init(rows: Int, columns: Int, inner: Int) {
        self.rows = rows
        self.columns = columns
        let perRow = max(1, columns * inner)
        let isSmall = rows * perRow <= 2 * Self.grain
        if !isSmall, rows <= Self.mostRows || perRow > Self.cachedWeights {
            // Weights that come from memory serve as many rows as can be at each turn, and few rows are cut by columns.
            let blocks = (rows + Self.mostRows - 1) / Self.mostRows
            height = ((rows + blocks - 1) / blocks + Self.tile - 1) / Self.tile * Self.tile
            let panels = (columns + PackedMatrix.panel - 1) / PackedMatrix.panel
            let wanted = (Self.enoughParts + blocks - 1) / blocks
            let parts = max(1, min(panels, wanted, rows * perRow / (blocks * Self.grain)))
            width = (panels + parts - 1) / parts * PackedMatrix.panel
        } else {
            let tiles = (Self.grain / perRow + Self.tile - 1) / Self.tile
            height = min(Self.mostRows, max(2, tiles) * Self.tile)
            width = max(1, columns)
        }
        across = (columns + width - 1) / width
        count = (rows + height - 1) / height * across
    }

    subscript(index: Int) -> (rows: Range<Int>, columns: Range<Int>) {
        let (row, column) = index.quotientAndRemainder(dividingBy: across)
        return (row * height..<min(rows, (row + 1) * height), column * width..<min(columns, (column + 1) * width))
    }
}

/// The right-hand side of many products, packed once for the kernels. An element of a product with it has the same bits
/// whatever rows and columns a call has, so work may be cut anywhere and a sample's result does not depend on its batch.
struct PackedMatrix {
    /// Columns that are packed together.
    static let panel = Int(CK_PRODUCT_PANEL)

    let inner: Int
    let columns: Int
    private let storage: Storage

    /// Packs `matrix`, which is `inner` x `columns`.
    init(_ matrix: MatrixBlock, inner: Int, columns: Int, on device: Device) {
        let (rowStride, columnStride) = matrix.isTransposed ? (1, matrix.stride) : (matrix.stride, 1)
        self.init(inner: inner, columns: columns, on: device) { panels, range in
            ck_pack(
                panels, matrix.pointer + range.lowerBound * columnStride, rowStride, columnStride, inner, range.count)
        }
    }

    /// Packs the transpose of `weight` (columns, inner).
    init(transposing weight: HalfTensor) {
        let (columns, inner) = (weight.shape[0], weight.shape[1])
        let device = weight.device
        self.init(inner: inner, columns: columns, on: device) { panels, range in
            device.withScratch(range.count * inner) { rows in
                weight.widen(range.lowerBound * inner..<range.upperBound * inner, into: rows)
                ck_pack(panels, rows, 1, inner, inner, range.count)
            }
        }
    }

    /// - Parameter pack: writes the panels of some columns; the first is a multiple of the panel's width.
    private init(
        inner: Int, columns: Int, on device: Device,
        pack: (_ panels: UnsafeMutablePointer<Float>, _ columns: Range<Int>) -> Void
    ) {
        self.inner = inner
        self.columns = columns
        let storage = Storage(ck_packed_size(inner, columns), on: device)
        self.storage = storage
        let grain = max(Self.panel, (1 << 15) / max(1, inner) & ~(Self.panel - 1))
        device.forEachRange(columns, grain: grain, work: inner * columns) { range in
            pack(storage.pointer + range.lowerBound * inner, range)
        }
    }

    /// The panels from column `column` on, a multiple of the panel's width.
    func panels(from column: Int) -> UnsafeMutablePointer<Float> { storage.pointer + column * inner }
}

extension MatrixBlock {
    /// C = A B on the calling thread: this block is `rows` x `columns.count`, A `rows` x `b.inner`.
    ///
    /// - Parameter columns: of B; begins at a multiple of `PackedMatrix.panel`.
    func assignProduct(_ a: MatrixBlock, _ b: PackedMatrix, rows: Int, columns: Range<Int>) {
        ck_product(
            pointer, stride, a.pointer, a.stride, 1, b.panels(from: columns.lowerBound), rows, columns.count, b.inner,
            false)
    }
}

extension MatrixBlock {
    /// Rows of B that are packed at a time: as many as the kernels multiply before they go on to other columns.
    private static let packedRows = Int(CK_PRODUCT_INNER)
    /// The longest sum in one chain. A batch of images has a hundred thousand rows, and one chain of so many additions
    /// is wrong in its fifth digit.
    private static let longestChain = 4 * packedRows

    /// C = A^T B, or C + A^T B, on the calling thread: this block is `rows` x `columns`, A `inner` x `rows`, B `inner` x
    /// `columns`. An element is a sum of chains over the inner dimension, so its bits do not depend on the rows and columns of a
    /// call.
    func assignProduct(
        transposing a: MatrixBlock, _ b: MatrixBlock, rows: Int, columns: Int, inner: Int, adding: Bool = false,
        on device: Device
    ) {
        let first = min(inner, Self.longestChain)
        assignChain(transposing: a, b, rows: rows, columns: columns, inner: first, adding: adding, on: device)
        guard inner > first else { return }
        device.withScratch(rows * columns) { scratch in
            let part = MatrixBlock(scratch, stride: columns)
            for start in Swift.stride(from: first, to: inner, by: Self.longestChain) {
                part.assignChain(
                    transposing: MatrixBlock(a.pointer + start * a.stride, stride: a.stride),
                    MatrixBlock(b.pointer + start * b.stride, stride: b.stride), rows: rows, columns: columns,
                    inner: min(Self.longestChain, inner - start), adding: false, on: device)
                for row in 0..<rows { ck_accumulate(pointer + row * stride, scratch + row * columns, columns) }
            }
        }
    }

    private func assignChain(
        transposing a: MatrixBlock, _ b: MatrixBlock, rows: Int, columns: Int, inner: Int, adding: Bool,
        on device: Device
    ) {
        device.withScratch(ck_packed_size(min(inner, Self.packedRows), columns)) { packed in
            // At least once, so that a sum of nothing is written.
            var first = 0
            repeat {
                let count = min(Self.packedRows, inner - first)
                ck_pack(packed, b.pointer + first * b.stride, b.stride, 1, count, columns)
                ck_product(
                    pointer, stride, a.pointer + first * a.stride, 1, a.stride, packed, rows, columns, count,
                    adding || first > 0)
                first += count
            } while first < inner
        }
    }
}

/// A product that adds up over all rows of a batch, as weight gradients do, cut so that the order of the sum is fixed.
///
/// A large result is cut into blocks, each of which is summed over everything; a small one is summed over slices of the
/// batch's rows, whose partial results are then added in order.
struct RowReduction {
    /// The most rows and columns of a block: its part of the input, packed, stays in a core's second-level cache.
    private static let (mostOutputs, mostInputs) = (384, 256)

    private let rows: Int
    private let outputs: Int
    private let inputs: Int
    private let slices: Int

    init(rows: Int, outputs: Int, inputs: Int) {
        self.rows = rows
        self.outputs = outputs
        self.inputs = inputs
        let large = outputs >= 64 && outputs * inputs >= 1 << 16
        slices = large ? 1 : max(1, min(8, rows / 256))
    }

    /// Writes g^T x to `result` (outputs, inputs), for g (rows, outputs) and x (rows, inputs).
    func run(_ g: Tensor, _ x: Tensor, into result: Tensor) {
        guard result.elementCount > 0 else { return }
        let device = result.device
        let size = outputs * inputs
        let work = rows * size / 16
        if slices == 1 {
            let (height, width) = (min(outputs, Self.mostOutputs), min(inputs, Self.mostInputs))
            let across = (inputs + width - 1) / width
            device.forEach((outputs + height - 1) / height * across, work: work) { index in
                let (row, column) = (index / across * height, index % across * width)
                MatrixBlock(result.pointer + row * inputs + column, stride: inputs).assignProduct(
                    transposing: MatrixBlock(g.pointer + row, stride: outputs),
                    MatrixBlock(x.pointer + column, stride: inputs), rows: min(height, outputs - row),
                    columns: min(width, inputs - column), inner: rows, on: device)
            }
            return
        }
        device.withScratch(slices * size) { partial in
            device.forEach(slices, work: work) { slice in
                let range = rows * slice / slices..<rows * (slice + 1) / slices
                MatrixBlock(partial + slice * size, stride: inputs).assignProduct(
                    transposing: MatrixBlock(g.pointer + range.lowerBound * outputs, stride: outputs),
                    MatrixBlock(x.pointer + range.lowerBound * inputs, stride: inputs), rows: outputs,
                    columns: inputs, inner: range.count, on: device)
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
    device.forEachRange(size, grain: 1 << 14, work: parts * size) { range in
        ck_column_sums(result + range.lowerBound, partial + range.lowerBound, size, parts, range.count, false)
    }
}
