internal import CKernels

/// What adaLN-Zero (Peebles & Xie 2023, section 3.2) does around a transformer block's parts, each in one pass over memory.
extension Tensor {
    /// LN(x) (1 + scale) + shift: layer normalization without weights, with a shift and scale for each sample.
    ///
    /// - Parameters:
    ///   - shift: (N, C). `scale`: (N, C).
    /// - Returns: shaped like the input (N, ..., C).
    public func layerNormModulated(shift: Tensor, scale: Tensor, epsilon: Float = 1e-6) -> Tensor {
        let vectors: Shape = [shape[0], shape.last]
        precondition(shift.shape == vectors && scale.shape == vectors, "shift and scale are \(vectors)")
        let (result, statistics) = Modulation.norm(self, shift: shift, scale: scale, epsilon: epsilon)
        return result.recorded(
            .layerNormModulated(epsilon: epsilon), inputs: [self, shift, scale],
            saving: [self, statistics, scale, shift])
    }

    /// x + gate y.
    ///
    /// - Parameters:
    ///   - y: of the shape of x, (N, ..., C).
    ///   - gate: (N, C).
    public func adding(_ y: Tensor, gatedBy gate: Tensor) -> Tensor {
        precondition(y.shape == shape, "\(y.shape) cannot be added to \(shape)")
        precondition(gate.shape == [shape[0], shape.last], "a gate \(gate.shape) does not fit \(shape)")
        let chunks = SampleChunks(shape)
        let result = Tensor(uninitialized: shape, on: device)
        device.forEach(chunks.count, work: elementCount) { index in
            let chunk = chunks[index]
            ck_gate_rows(
                result.pointer + chunk.offset, y.pointer + chunk.offset, gate.pointer + chunk.sample * shape.last,
                pointer + chunk.offset, chunk.rows, shape.last)
        }
        return result.recorded(.gatedSum, inputs: [self, y, gate], saving: [y, gate])
    }
}

enum Modulation {
    /// The modulated norm, and the rows' means and reciprocal standard deviations (2, rows).
    static func norm(
        _ x: Tensor, shift: Tensor, scale: Tensor, epsilon: Float
    ) -> (result: Tensor, statistics: Tensor) {
        let columns = x.shape.last
        let chunks = SampleChunks(x.shape)
        let result = Tensor(uninitialized: x.shape, on: x.device)
        let statistics = Tensor(uninitialized: [2, chunks.rowCount], on: x.device)
        x.device.forEach(chunks.count, work: x.elementCount) { index in
            let chunk = chunks[index]
            let vector = chunk.sample * columns
            ck_layer_norm(
                result.pointer + chunk.offset, statistics.pointer + chunk.row,
                statistics.pointer + chunks.rowCount + chunk.row, x.pointer + chunk.offset, nil, nil,
                scale.pointer + vector, shift.pointer + vector, Double(epsilon), chunk.rows, columns)
        }
        return (result, statistics)
    }

    /// Gradients of the modulated norm to its input, shift and scale, where they are wanted.
    static func normGradients(
        _ g: Tensor, input x: Tensor, statistics: Tensor, scale: Tensor, wanted: [Bool]
    ) -> [Tensor?] {
        let columns = x.shape.last
        let chunks = SampleChunks(x.shape)
        let dx = wanted[0] ? Tensor(uninitialized: x.shape, on: g.device) : nil
        let dshift = wanted[1] ? Tensor(uninitialized: scale.shape, on: g.device) : nil
        let dscale = wanted[2] ? Tensor(uninitialized: scale.shape, on: g.device) : nil
        let needsSums = dshift != nil || dscale != nil
        g.device.withDoubles(needsSums ? chunks.count * 2 * columns : 0) { sums in
            g.device.forEach(chunks.count, work: g.elementCount) { index in
                let chunk = chunks[index]
                ck_layer_norm_backward(
                    dx.map { $0.pointer + chunk.offset }, needsSums ? sums + index * 2 * columns : nil,
                    g.pointer + chunk.offset, x.pointer + chunk.offset, statistics.pointer + chunk.row,
                    statistics.pointer + chunks.rowCount + chunk.row, nil, scale.pointer + chunk.sample * columns,
                    chunk.rows, columns)
            }
            for sample in 0..<x.shape[0] where needsSums {
                let vector = sample * columns
                ck_layer_norm_parameter_gradients(
                    nil, nil, dscale.map { $0.pointer + vector }, dshift.map { $0.pointer + vector },
                    sums + sample * chunks.perSample * 2 * columns, chunks.perSample, nil, nil, scale.pointer + vector,
                    columns)
            }
        }
        return [dx, dshift, dscale]
    }

    /// Gradients of x + gate y to x, y and the gate, where they are wanted.
    static func gatedSumGradients(_ g: Tensor, _ y: Tensor, gate: Tensor, wanted: [Bool]) -> [Tensor?] {
        let columns = y.shape.last
        let chunks = SampleChunks(y.shape)
        let dy = wanted[1] ? Tensor(uninitialized: y.shape, on: g.device) : nil
        let dgate = wanted[2] ? Tensor(uninitialized: gate.shape, on: g.device) : nil
        if dy != nil || dgate != nil {
            g.device.withScratch(dgate == nil ? 0 : chunks.count * columns) { sums in
                g.device.forEach(chunks.count, work: g.elementCount) { index in
                    let chunk = chunks[index]
                    ck_gate_rows_backward(
                        dy.map { $0.pointer + chunk.offset }, dgate == nil ? nil : sums + index * columns,
                        g.pointer + chunk.offset, y.pointer + chunk.offset, gate.pointer + chunk.sample * columns,
                        chunk.rows, columns)
                }
                guard let dgate else { return }
                for sample in 0..<y.shape[0] {
                    ck_column_sums(
                        dgate.pointer + sample * columns, sums + sample * chunks.perSample * columns, columns,
                        chunks.perSample, columns, false)
                }
            }
        }
        return [wanted[0] ? g : nil, dy, dgate]
    }
}

/// The rows of all samples of a tensor (N, ..., C), in chunks that never cross a sample.
struct SampleChunks {
    let count: Int
    let perSample: Int
    /// Rows of all samples.
    let rowCount: Int
    private let rows: Int
    private let columns: Int
    private let height: Int

    /// - Parameter size: about how many elements a chunk has.
    init(_ shape: Shape, size: Int = Elementwise.grain, leastRows: Int = 1) {
        columns = shape.last
        rows = shape.elementCount(in: 1..<(shape.rank - 1))
        height = max(leastRows, size / max(1, columns))
        perSample = max(1, (rows + height - 1) / height)
        count = shape[0] * perSample
        rowCount = shape[0] * rows
    }

    /// Where a chunk lies: its sample, its first row among all rows, the offset of its first element, its rows.
    subscript(index: Int) -> (sample: Int, row: Int, offset: Int, rows: Int) {
        let (sample, chunk) = index.quotientAndRemainder(dividingBy: perSample)
        let first = chunk * height
        let row = sample * rows + first
        return (sample, row, row * columns, min(height, rows - first))
    }
}
