internal import CKernels

/// Elementwise work is cut into runs of this many elements: a share of the first-level cache.
enum Elementwise {
    static let grain = 1 << 14

    /// a op b with broadcasting: axes are aligned at the right, and an extent of 1 stretches.
    static func binary(_ operation: CKBinary, _ a: Tensor, _ b: Tensor) -> Tensor {
        guard let shape = a.shape.broadcast(with: b.shape) else {
            preconditionFailure("\(a.shape) and \(b.shape) do not broadcast")
        }
        let result = Tensor(uninitialized: shape, on: a.device)
        let (pa, pb, out) = (a.pointer, b.pointer, result.pointer)
        if a.shape == b.shape {
            a.device.forEachRun(ofRows: shape.elementCount) { range in
                let first = range.lowerBound
                ck_binary(operation, out + first, pa + first, 1, pb + first, 1, range.count)
            }
            return result
        }
        let rows = BroadcastRows(shape, operands: [a.shape, b.shape])
        a.device.forEachRun(ofRows: rows.count, columns: rows.length) { range in
            rows.forEach(in: range) { row, offsets in
                ck_binary(
                    operation, out + row * rows.length, pa + offsets[0], rows.isRepeated[0] ? 0 : 1, pb + offsets[1],
                    rows.isRepeated[1] ? 0 : 1, rows.length)
            }
        }
        return result
    }

    static func scaleOffset(_ x: Tensor, scale: Float, offset: Float) -> Tensor {
        let result = Tensor(uninitialized: x.shape, on: x.device)
        x.device.forEachRun(ofRows: x.elementCount) { range in
            ck_scale_offset(
                result.pointer + range.lowerBound, x.pointer + range.lowerBound, scale, offset, range.count)
        }
        return result.recorded(.affine(scale: scale), inputs: [x], saving: [])
    }
}

/// A broadcast operation as rows: within a row, each operand either advances with the result or repeats one number.
private struct BroadcastRows {
    /// How many rows, and elements in each.
    let count: Int
    let length: Int
    /// Per operand: whether one number serves the whole row.
    let isRepeated: [Bool]
    private let extents: [Int]
    /// Per operand, the step of each outer axis; 0 where it is stretched.
    private let steps: [[Int]]

    init(_ shape: Shape, operands: [Shape]) {
        // Innermost axes are joined as long as every operand either has all of them or none.
        let rank = shape.rank
        func extent(_ operand: Shape, _ axis: Int) -> Int {
            let own = axis - (rank - operand.rank)
            return own < 0 ? 1 : operand[own]
        }
        var inner = rank
        var repeated = operands.map { _ in false }
        var length = 1
        while inner > 0 {
            let axis = inner - 1
            if shape[axis] != 1 {
                let stretched = operands.map { extent($0, axis) == 1 }
                if length == 1 { repeated = stretched } else if stretched != repeated { break }
                length *= shape[axis]
            }
            inner = axis
        }
        self.length = length
        isRepeated = repeated
        extents = (0..<inner).map { shape[$0] }
        count = extents.reduce(1, *)
        steps = operands.map { operand in
            var step = 1
            var result = [Int](repeating: 0, count: rank)
            for axis in stride(from: rank - 1, through: 0, by: -1) {
                let own = extent(operand, axis)
                result[axis] = own == 1 ? 0 : step
                step *= own
            }
            return Array(result.prefix(inner))
        }
    }

    /// Calls `body` with each row's number and where it begins in each operand.
    func forEach(in range: Range<Int>, _ body: (_ row: Int, _ offsets: [Int]) -> Void) {
        var offsets = steps.map { _ in 0 }
        for row in range {
            var rest = row
            for operand in steps.indices { offsets[operand] = 0 }
            for axis in extents.indices.reversed() {
                let (quotient, index) = rest.quotientAndRemainder(dividingBy: extents[axis])
                rest = quotient
                for operand in steps.indices { offsets[operand] += index * steps[operand][axis] }
            }
            body(row, offsets)
        }
    }
}

extension Tensor {
    public static func + (a: Tensor, b: Tensor) -> Tensor {
        Elementwise.binary(.add, a, b).recorded(.add(a.shape, b.shape), inputs: [a, b], saving: [])
    }
    public static func - (a: Tensor, b: Tensor) -> Tensor {
        Elementwise.binary(.subtract, a, b).recorded(.subtract(a.shape, b.shape), inputs: [a, b], saving: [])
    }
    public static func * (a: Tensor, b: Tensor) -> Tensor {
        Elementwise.binary(.multiply, a, b).recorded(.multiply, inputs: [a, b], saving: [a, b])
    }
    public static func / (a: Tensor, b: Tensor) -> Tensor {
        Elementwise.binary(.divide, a, b).recorded(.divide, inputs: [a, b], saving: [a, b])
    }

    public static func + (a: Tensor, b: Float) -> Tensor { Elementwise.scaleOffset(a, scale: 1, offset: b) }
    public static func + (a: Float, b: Tensor) -> Tensor { Elementwise.scaleOffset(b, scale: 1, offset: a) }
    public static func - (a: Tensor, b: Float) -> Tensor { Elementwise.scaleOffset(a, scale: 1, offset: -b) }
    public static func - (a: Float, b: Tensor) -> Tensor { Elementwise.scaleOffset(b, scale: -1, offset: a) }
    public static func * (a: Tensor, b: Float) -> Tensor { Elementwise.scaleOffset(a, scale: b, offset: 0) }
    public static func * (a: Float, b: Tensor) -> Tensor { Elementwise.scaleOffset(b, scale: a, offset: 0) }
    public static func / (a: Tensor, b: Float) -> Tensor { Elementwise.scaleOffset(a, scale: 1 / b, offset: 0) }

    /// scale x + offset, rounded once.
    public func scaled(by scale: Float, offset: Float = 0) -> Tensor {
        Elementwise.scaleOffset(self, scale: scale, offset: offset)
    }

    /// min(max(x, lower), upper); the gradient is that of x inside the range and 0 outside.
    public func clamped(to range: ClosedRange<Float>) -> Tensor {
        let result = Tensor(uninitialized: shape, on: device)
        device.forEachRun(ofRows: elementCount) { run in
            ck_clamp(
                result.pointer + run.lowerBound, pointer + run.lowerBound, range.lowerBound, range.upperBound, run.count
            )
        }
        return result.recorded(.clamp(range), inputs: [self], saving: [self])
    }

    /// This tensor where `x` lies in `range`, 0 elsewhere.
    func masked(where x: Tensor, in range: ClosedRange<Float>) -> Tensor {
        let result = Tensor(uninitialized: shape, on: device)
        device.forEachRun(ofRows: elementCount) { run in
            let first = run.lowerBound
            ck_clamp_backward(
                result.pointer + first, pointer + first, x.pointer + first, range.lowerBound, range.upperBound,
                run.count)
        }
        return result
    }

    /// Adds `other` to this tensor's memory; only for tensors that nobody else reads, such as gradients.
    func accumulate(_ other: Tensor) {
        precondition(shape == other.shape)
        device.forEachRun(ofRows: elementCount) { run in
            ck_accumulate(pointer + run.lowerBound, other.pointer + run.lowerBound, run.count)
        }
    }

    /// Whether no element is NaN or infinite.
    public var isFinite: Bool { ck_all_finite(pointer, elementCount) }
}
