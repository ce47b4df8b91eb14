internal import CKernels

extension Tensor {
    /// Softmax over the innermost axis.
    public func softmax() -> Tensor {
        let result = Tensor(uninitialized: shape, on: device)
        let columns = shape.last
        device.forEachRun(ofRows: columns == 0 ? 0 : elementCount / columns, columns: columns) { rows in
            let first = rows.lowerBound * columns
            ck_softmax(result.pointer + first, columns, nil, pointer + first, columns, 1, rows.count, columns)
        }
        return result.recorded(.softmax, inputs: [self], saving: [result])
    }
}

enum Softmax {
    static func gradient(_ g: Tensor, result y: Tensor) -> Tensor {
        let dx = Tensor(uninitialized: y.shape, on: y.device)
        let columns = y.shape.last
        y.device.forEachRun(ofRows: columns == 0 ? 0 : y.elementCount / columns, columns: columns) { rows in
            let first = rows.lowerBound * columns
            ck_softmax_backward(
                dx.pointer + first, columns, g.pointer + first, columns, y.pointer + first, columns, 1, rows.count,
                columns)
        }
        return dx
    }
}
