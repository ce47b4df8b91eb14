internal import CKernels

extension Tensor {
    /// The same memory under another shape, off the tape.
    func viewed(_ shape: Shape) -> Tensor {
        precondition(shape.elementCount == elementCount, "\(self.shape) cannot be seen as \(shape)")
        return Tensor(shape: shape, storage: storage, offset: offset)
    }

    /// The same elements in the same order under another shape.
    public func reshaped(to shape: Shape) -> Tensor {
        if shape == self.shape { return self }
        return viewed(shape).recorded(.reshape(from: self.shape), inputs: [self], saving: [])
    }

    /// Stretches extents of 1 (and missing axes at the left) to `shape`.
    public func broadcast(to shape: Shape) -> Tensor {
        if shape == self.shape { return self }
        precondition(self.shape.broadcast(with: shape) == shape, "\(self.shape) does not broadcast to \(shape)")
        let missing = shape.rank - self.shape.rank
        let own = self.shape.contiguousStrides
        let strides = (0..<shape.rank).map { $0 < missing || self.shape[$0 - missing] == 1 ? 0 : own[$0 - missing] }
        return gathered(shape, strides: strides).recorded(.broadcast(from: self.shape), inputs: [self], saving: [])
    }

    /// Axis `i` of the result is axis `order[i]` of this tensor.
    public func permuted(_ order: [Int]) -> Tensor {
        precondition(order.sorted() == Array(0..<shape.rank), "\(order) is no order of \(shape.rank) axes")
        let strides = shape.contiguousStrides
        return gathered(Shape(order.map { shape[$0] }), strides: order.map { strides[$0] }).recorded(
            .permute(order), inputs: [self], saving: [])
    }

    /// A new tensor whose element at an index lies at that index's strides here.
    private func gathered(_ shape: Shape, strides: [Int], offset: Int = 0) -> Tensor {
        precondition(shape.rank <= Int(CK_MAX_RANK), "\(shape) has more axes than the kernels take")
        let result = Tensor(uninitialized: shape, on: device)
        guard result.elementCount > 0 else { return result }
        guard shape.rank > 0 else {
            result.pointer[0] = pointer[offset]
            return result
        }
        // The outermost axis is what threads share.
        let inner = shape.elementCount(in: 1..<shape.rank)
        device.forEachRun(ofRows: shape[0], columns: inner) { range in
            var sizes = Array(shape)
            sizes[0] = range.count
            ck_gather_strided(
                result.pointer + range.lowerBound * inner, pointer + offset + range.lowerBound * strides[0],
                sizes, strides, shape.rank)
        }
        return result
    }

    /// `range` of axis `axis`.
    public func sliced(axis: Int, _ range: Range<Int>) -> Tensor {
        precondition(range.lowerBound >= 0 && range.upperBound <= shape[axis], "\(range) is outside \(shape)")
        if range == 0..<shape[axis] { return self }
        var shape = shape
        shape[axis] = range.count
        let inner = shape.elementCount(in: (axis + 1)..<shape.rank)
        let result: Tensor
        if axis == 0 {
            result = Tensor(shape: shape, storage: storage, offset: offset + range.lowerBound * inner)
        } else {
            result = Tensor(uninitialized: shape, on: device)
            copyRows(
                from: (pointer + range.lowerBound * inner, self.shape[axis] * inner),
                to: (result.pointer, range.count * inner), rows: shape.elementCount(in: 0..<axis),
                columns: range.count * inner)
        }
        return result.recorded(
            .slice(axis: axis, start: range.lowerBound, from: self.shape), inputs: [self], saving: [])
    }

    /// This tensor at `start` of axis `axis` in a tensor of zeros: the adjoint of a slice.
    func padded(axis: Int, start: Int, to target: Shape) -> Tensor {
        let result = Tensor.zeros(target, on: device)
        let inner = shape.elementCount(in: (axis + 1)..<shape.rank)
        copyRows(
            from: (pointer, shape[axis] * inner), to: (result.pointer + start * inner, target[axis] * inner),
            rows: shape.elementCount(in: 0..<axis), columns: shape[axis] * inner)
        return result
    }

    /// The parts of axis `axis` with the given extents, those that are wanted, off the tape: the adjoint of
    /// concatenation.
    func split(axis: Int, extents: [Int], wanted: [Bool]) -> [Tensor?] {
        var start = 0
        return zip(extents, wanted).map { extent, isWanted in
            defer { start += extent }
            return isWanted ? detached.sliced(axis: axis, start..<start + extent) : nil
        }
    }

    /// Joins tensors along `axis`; their other extents are the same.
    public static func concatenated(_ parts: [Tensor], axis: Int) -> Tensor {
        precondition(!parts.isEmpty, "nothing to concatenate")
        var shape = parts[0].shape
        shape[axis] = parts.reduce(0) { $0 + $1.shape[axis] }
        let device = parts[0].device
        let result = Tensor(uninitialized: shape, on: device)
        let inner = shape.elementCount(in: (axis + 1)..<shape.rank)
        var start = 0
        for part in parts {
            var expected = shape
            expected[axis] = part.shape[axis]
            precondition(part.shape == expected, "\(part.shape) does not join \(shape) along axis \(axis)")
            result.copyRows(
                from: (part.pointer, part.shape[axis] * inner),
                to: (result.pointer + start * inner, shape[axis] * inner), rows: shape.elementCount(in: 0..<axis),
                columns: part.shape[axis] * inner)
            start += part.shape[axis]
        }
        return result.recorded(
            .concatenate(axis: axis, extents: parts.map { $0.shape[axis] }), inputs: parts, saving: [])
    }

    private func copyRows(
        from source: (UnsafeMutablePointer<Float>, stride: Int), to target: (UnsafeMutablePointer<Float>, stride: Int),
        rows: Int, columns: Int
    ) {
        device.forEachRun(ofRows: rows, columns: columns) { range in
            ck_copy_rows(
                target.0 + range.lowerBound * target.stride, target.stride,
                source.0 + range.lowerBound * source.stride, source.stride, range.count, columns)
        }
    }

    /// Rows of this table (R, D), one for each index: (indices.count, D).
    public func rows(at indices: [Int]) -> Tensor {
        precondition(
            shape.rank == 2 && indices.allSatisfy { $0 >= 0 && $0 < shape[0] }, "an index is outside the table")
        let result = Tensor(uninitialized: [indices.count, shape[1]], on: device)
        ck_gather_rows(result.pointer, pointer, indices.map(Int32.init), indices.count, shape[1])
        return result.recorded(.embedding(indices: indices, rows: shape[0]), inputs: [self], saving: [])
    }

    /// The adjoint of `rows(at:)`.
    func scatteredSum(to indices: [Int], rows: Int) -> Tensor {
        let result = Tensor.zeros([rows, shape[1]], on: device)
        ck_scatter_add_rows(result.pointer, pointer, indices.map(Int32.init), indices.count, shape[1])
        return result
    }
}

extension Shape {
    /// The distance, in elements, between neighbours of each axis.
    var contiguousStrides: [Int] {
        var stride = 1
        var result = [Int](repeating: 0, count: rank)
        for axis in (0..<rank).reversed() {
            result[axis] = stride
            stride *= self[axis]
        }
        return result
    }
}

extension [Int] {
    /// The order that undoes this one.
    var inversePermutation: [Int] {
        var inverse = self
        for (position, axis) in enumerated() { inverse[axis] = position }
        return inverse
    }
}
