internal import CKernels

/// Which inputs of an `Epilogue` there are, for the gradient rules. They follow the operand and the weights in this order.
package struct EpilogueParts: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    static let bias = EpilogueParts(rawValue: 1)
    static let vectors = EpilogueParts(rawValue: 2)
    static let residual = EpilogueParts(rawValue: 4)
}

/// What a product or convolution does to its results u where it writes them, sparing passes over memory:
/// y = f(u + bias + vectors) + residual.
struct Epilogue {
    /// (O).
    var bias: Tensor?
    /// (N, O): the same for every pixel of a sample. Not together with an activation.
    var vectors: Tensor?
    var activation: Activation?
    /// Where the activation's input is kept; like the result.
    var preactivation: Tensor?
    /// Like the result.
    var residual: Tensor?

    var parts: EpilogueParts {
        var parts: EpilogueParts = []
        if bias != nil { parts.insert(.bias) }
        if vectors != nil { parts.insert(.vectors) }
        if residual != nil { parts.insert(.residual) }
        return parts
    }

    var inputs: [Tensor] { [bias, vectors, residual].compactMap(\.self) }

    /// Finishes the block `rows` x `columns` of a result with rows of `width`, in place.
    ///
    /// - Precondition: there are no vectors.
    func finish(_ result: Tensor, width: Int, rows: Range<Int>, columns: Range<Int>) {
        guard bias != nil || activation != nil || residual != nil else { return }
        let first = rows.lowerBound * width + columns.lowerBound
        let block = result.pointer + first
        ck_bias_activation(
            activation?.kernel ?? .identity, block, width, preactivation.map { $0.pointer + first }, width, block,
            width,
            bias.map { $0.pointer + columns.lowerBound }, residual.map { $0.pointer + first }, width, rows.count,
            columns.count)
    }

    /// Finishes a whole result (N, ..., O), in place.
    func finish(_ result: Tensor) {
        guard !parts.isEmpty else { return }
        let width = result.shape.last
        let (values, stride) = vectors(outputs: width)
        /// Rows that share their vectors.
        let count = result.elementCount / max(1, width * (stride > 0 ? result.shape[0] : 1))
        for sample in 0..<(stride > 0 ? result.shape[0] : 1) {
            result.device.forEachRun(ofRows: count, columns: width) { rows in
                let first = (sample * count + rows.lowerBound) * width
                ck_bias_activation(
                    .identity, result.pointer + first, width, nil, 0, result.pointer + first, width,
                    values.map { $0.pointer + sample * stride }, residual.map { $0.pointer + first }, width, rows.count,
                    width)
            }
        }
    }

    /// Bias and vectors together, as a vector for each sample (stride O) or one for all (stride 0).
    func vectors(outputs: Int) -> (values: Tensor?, stride: Int) {
        guard let vectors else { return (bias?.detached, 0) }
        return (bias.map { vectors.detached + $0.detached } ?? vectors.detached, outputs)
    }

    /// The gradients to the inputs that there are, where they are wanted, from the gradients to the result and to what
    /// the activation is applied to.
    ///
    /// - Parameter wanted: for the inputs of the operation, those of the epilogue from the third on.
    static func gradients(_ parts: EpilogueParts, _ g: Tensor, before u: Tensor, wanted: [Bool]) -> [Tensor?] {
        var rest = wanted.dropFirst(2)
        /// Whether the next input's gradient is wanted; nil where there is no such input.
        func next(_ part: EpilogueParts) -> Bool? { parts.contains(part) ? rest.removeFirst() : nil }
        let (bias, vectors, residual) = (next(.bias), next(.vectors), next(.residual))
        let sums = vectors != nil && (bias == true || vectors == true) ? u.sampleSums() : nil
        return [
            bias.map { $0 ? (sums ?? u).columnSums() : nil }, vectors.map { $0 ? sums : nil },
            residual.map { $0 ? g : nil },
        ].compactMap(\.self)
    }
}

extension Tensor {
    /// The sums over all pixels of each sample, (N, C) of (N, ..., C).
    fileprivate func sampleSums() -> Tensor {
        reshaped(to: [shape[0], elementCount / max(1, shape[0] * shape.last), shape.last])
            .sum(to: [shape[0], 1, shape.last]).reshaped(to: [shape[0], shape.last])
    }
}
