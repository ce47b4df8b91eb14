internal import CKernels

extension Tensor {
    /// The sum of all elements, as a scalar.
    public func sum() -> Tensor { sum(to: []) }

    /// The mean of all elements, as a scalar.
    public func mean() -> Tensor { sum(to: []).scaled(by: 1 / Float(max(1, elementCount))) }

    /// The sum over the axes in which `target` has extent 1 or that it lacks (at the left): the adjoint of broadcasting.
    public func sum(to target: Shape) -> Tensor {
        if target == shape { return self }
        precondition(target.broadcast(with: shape) == shape, "\(shape) cannot be summed to \(target)")
        // Runs of kept and of summed axes; most often (summed, kept), (kept, summed) or (kept, summed, kept).
        let kept = (0..<shape.rank).map { axis -> Bool in
            let own = axis - (shape.rank - target.rank)
            return own >= 0 && target[own] == shape[axis] && shape[axis] != 1
        }
        var current = detached
        var extents = Array(shape)
        // From the outside in: each run of summed axes is reduced at once.
        var axis = 0
        while axis < extents.count {
            guard !kept[axis] else {
                axis += 1
                continue
            }
            var end = axis
            while end < extents.count, !kept[end] { end += 1 }
            let outer = extents[..<axis].reduce(1, *)
            let middle = extents[axis..<end].reduce(1, *)
            let inner = extents[end...].reduce(1, *)
            if middle != 1 { current = current.summed(outer: outer, middle: middle, inner: inner) }
            for index in axis..<end { extents[index] = 1 }
            axis = end
        }
        return current.viewed(target).recorded(.sum(from: shape), inputs: [self], saving: [])
    }

    /// (outer, middle, inner) -> (outer, inner).
    private func summed(outer: Int, middle: Int, inner: Int) -> Tensor {
        let result = Tensor(uninitialized: [outer, inner], on: device)
        if inner == 1 {
            if outer == 1 {
                result.pointer[0] = Float(sumInBlocks(count: middle))
            } else {
                device.forEachRun(ofRows: outer, columns: middle) { rows in
                    ck_row_sums(
                        result.pointer + rows.lowerBound, pointer + rows.lowerBound * middle, middle, rows.count, middle
                    )
                }
            }
        } else if outer == 1 {
            columnSums(rows: middle, columns: inner, into: result.pointer)
        } else {
            device.forEach(outer, work: elementCount) { index in
                ck_column_sums(
                    result.pointer + index * inner, pointer + index * middle * inner, inner, middle, inner, false)
            }
        }
        return result
    }

    /// Blocks of a fixed size, added in their order.
    private func sumInBlocks(count: Int) -> Double {
        let blocks = (count + Elementwise.grain - 1) / Elementwise.grain
        var partial = [Double](repeating: 0, count: blocks)
        partial.withUnsafeMutableBufferPointer { partial in
            nonisolated(unsafe) let partial = partial
            device.forEach(blocks, work: elementCount) { block in
                let first = block * Elementwise.grain
                partial[block] = ck_sum(pointer + first, min(Elementwise.grain, count - first))
            }
        }
        return partial.reduce(0, +)
    }

    /// The sum over all axes but the last: the gradient of a bias.
    func columnSums() -> Tensor {
        let columns = shape.last
        let result = Tensor(uninitialized: [columns], on: device)
        columnSums(rows: columns == 0 ? 0 : elementCount / columns, columns: columns, into: result.pointer)
        return result
    }

    private func columnSums(rows: Int, columns: Int, into result: UnsafeMutablePointer<Float>) {
        let grain = max(64, Elementwise.grain * 4 / max(1, columns))
        let blocks = (rows + grain - 1) / grain
        guard blocks > 1 else {
            ck_column_sums(result, pointer, columns, rows, columns, false)
            return
        }
        device.withScratch(blocks * columns) { partial in
            device.forEach(blocks, work: elementCount) { block in
                let first = block * grain
                ck_column_sums(
                    partial + block * columns, pointer + first * columns, columns, min(grain, rows - first), columns,
                    false)
            }
            ck_column_sums(result, partial, columns, blocks, columns, false)
        }
    }

    /// The sum of all squares, in double: for gradient norms.
    public var sumOfSquares: Double {
        let blocks = (elementCount + Elementwise.grain - 1) / Elementwise.grain
        var partial = [Double](repeating: 0, count: blocks)
        partial.withUnsafeMutableBufferPointer { partial in
            nonisolated(unsafe) let partial = partial
            device.forEach(blocks, work: elementCount) { block in
                let first = block * Elementwise.grain
                partial[block] = ck_sum_squares(pointer + first, min(Elementwise.grain, elementCount - first))
            }
        }
        return partial.reduce(0, +)
    }
}
