public import TensorCore

/// Trainable parameters of a network in one run of memory, and their gradients in another of the same layout: an
/// optimizer step, clipping or a checkpoint is one sweep.
///
/// This is the one place where tensors change: a step updates `weights` in place between two passes, when no tape holds
/// them.
public final class ParameterBuffer {
    /// Where each parameter lies. Parameters begin at multiples of 16 floats; the gaps are zero and stay zero.
    public let entries: [(name: String, parameter: Parameter, range: Range<Int>)]
    /// The parameters, (count).
    public let weights: Tensor
    /// Their gradients, laid out like the weights.
    public let gradients: Tensor
    private let gradientViews: [Tensor]
    private let weightViews: [Tensor]

    /// Moves the values of the selected parameters that are trainable into one buffer; the parameters then refer to it.
    /// Others stay where they are: they are constants, without gradients.
    public init(_ module: some Module, selecting selection: ParameterSelection = .all) {
        var entries: [(String, Parameter, Range<Int>)] = []
        var count = 0
        for (name, parameter) in module.parameters where parameter.isTrainable && selection.contains(name) {
            entries.append((name, parameter, count..<count + parameter.shape.elementCount))
            count = (count + parameter.shape.elementCount + 15) & ~15
        }
        precondition(!entries.isEmpty, "nothing is selected to be trained")
        let device = entries[0].1.device
        self.entries = entries
        let weights = Tensor.zeros([count], on: device)
        let gradients = Tensor.zeros([count], on: device)
        (self.weights, self.gradients) = (weights, gradients)
        weightViews = entries.map { weights.sliced(axis: 0, $0.2).reshaped(to: $0.1.shape) }
        gradientViews = entries.map { gradients.sliced(axis: 0, $0.2).reshaped(to: $0.1.shape) }
        adoptValues()
    }

    /// Where the hidden matrices lie.
    var hiddenMatrices: [MatrixPlace] {
        entries.filter { $0.parameter.isHiddenMatrix }.map { entry in
            let rows = entry.parameter.shape[0]
            return MatrixPlace(first: entry.range.lowerBound, rows: rows, columns: entry.range.count / rows)
        }
    }

    /// All that lies between `places`, which ascend.
    func ranges(without places: [MatrixPlace]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var first = 0
        for place in places {
            if first < place.first { ranges.append(first..<place.first) }
            first = place.first + place.rows * place.columns
        }
        if first < weights.elementCount { ranges.append(first..<weights.elementCount) }
        return ranges
    }

    /// Copies the parameters' values into the buffer, after they were initialized or loaded anew, and has the parameters
    /// refer to it again.
    public func adoptValues() {
        for (entry, view) in zip(entries, weightViews) {
            view.overwrite(with: entry.parameter.value)
            entry.parameter.assign(view)
        }
        // Where the values were before, as much again: what a step needs is of other sizes.
        weights.device.trim()
    }

    /// Tracks every parameter, so that what is computed from it is recorded on `tape`.
    ///
    /// - Parameter adding: whether the backward pass adds to `gradients`, as all but the first of several batches do, or
    ///   overwrites them.
    public func track(on tape: Tape, adding: Bool = true) {
        for (index, entry) in entries.enumerated() {
            let (weight, gradient) = (weightViews[index], gradientViews[index])
            entry.parameter.assign(
                adding
                    ? tape.leaf(weight, addingGradientTo: gradient) : tape.leaf(weight, storingGradientIn: gradient))
        }
    }

    /// Ends tracking.
    public func untrack() {
        for (index, entry) in entries.enumerated() { entry.parameter.assign(weightViews[index]) }
    }

    /// A buffer of zeros with the same layout: moments, averages.
    public func zeros() -> Tensor { .zeros(weights.shape, on: weights.device) }

    /// Runs `body` with the parameters' values taken from `other`, laid out like the weights (an average of them).
    public func with<Result>(_ other: Tensor, _ body: () throws -> Result) rethrows -> Result {
        for entry in entries {
            entry.parameter.assign(other.sliced(axis: 0, entry.range).reshaped(to: entry.parameter.shape))
        }
        defer { untrack() }
        return try body()
    }
}
