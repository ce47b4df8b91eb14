internal import CKernels

extension Tensor {
    /// weight x / sqrt(mean of x^2 + epsilon) over each innermost row (Zhang & Sennrich 2019, "Root mean square layer
    /// normalization", equation 4).
    ///
    /// - Parameter weight: (C), or nil for 1.
    public func rmsNorm(weight: Tensor?, epsilon: Float) -> Tensor {
        precondition(
            shape.rank >= 1 && weight.map { $0.shape == [shape.last] } ?? true,
            "weights \(weight?.shape ?? []) do not fit rows of \(shape)")
        let (result, statistics) = RMSNorm.forward(self, weight: weight, epsilon: epsilon)
        return result.recorded(
            .rmsNorm(epsilon: epsilon), inputs: [self] + [weight].compactMap(\.self),
            saving: [self, statistics] + [weight].compactMap(\.self))
    }
}

enum RMSNorm {
    /// The result, and the rows' reciprocal root mean squares (rows).
    static func forward(_ x: Tensor, weight: Tensor?, epsilon: Float) -> (result: Tensor, statistics: Tensor) {
        let columns = x.shape.last
        let rows = x.elementCount / max(1, columns)
        let result = Tensor(uninitialized: x.shape, on: x.device)
        let statistics = Tensor(uninitialized: [rows], on: x.device)
        x.device.forEachRun(ofRows: rows, columns: columns) { range in
            let first = range.lowerBound
            ck_rms_norm(
                result.pointer + first * columns, statistics.pointer + first, x.pointer + first * columns,
                weight?.pointer, Double(epsilon), range.count, columns)
        }
        return (result, statistics)
    }

    /// Gradients to the input and, if there is one, to the weight.
    static func gradients(
        _ g: Tensor, input x: Tensor, weight: Tensor?, statistics: Tensor, wanted: [Bool]
    ) -> [Tensor?] {
        let (rows, columns) = (statistics.elementCount, x.shape.last)
        let device = g.device
        let dx = wanted[0] ? Tensor(uninitialized: x.shape, on: device) : nil
        let dweight = weight.flatMap { wanted[1] ? Tensor(uninitialized: $0.shape, on: device) : nil }
        let height = max(1, Elementwise.grain / max(1, columns))
        let chunks = (rows + height - 1) / height
        device.withDoubles(dweight == nil ? 0 : chunks * columns) { sums in
            device.forEach(chunks, work: x.elementCount) { chunk in
                let first = chunk * height
                ck_rms_norm_backward(
                    dx.map { $0.pointer + first * columns }, dweight == nil ? nil : sums + chunk * columns,
                    g.pointer + first * columns, x.pointer + first * columns, statistics.pointer + first,
                    weight?.pointer, min(height, rows - first), columns)
            }
            guard let dweight, !device.isRehearsal else { return }
            for column in 0..<columns {
                dweight.pointer[column] = Float((0..<chunks).reduce(0) { $0 + sums[$1 * columns + column] })
            }
        }
        return [dx] + (weight == nil ? [] : [dweight])
    }
}
