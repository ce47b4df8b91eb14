public import Datasets
public import TensorCore

/// What a training minimizes: the losses of what networks make of a batch. Which parameters follow them is up to the
/// training's `LearnerGroup`s.
///
/// Everything random about a loss is a function of seeds of the task and of the batch's place.
public protocol TrainingTask {
    /// The losses of a batch in training. The tape of the groups of `place.turn` has recorded the first.
    ///
    /// - Throws: what keeps it from reading what belongs to the batch.
    func losses(of batch: Batch, at place: BatchPlace) throws -> Losses

    /// The losses of a batch that is held out; the first decides which state is the best.
    ///
    /// - Parameter first: the number of its first sample among those held out, which decides what is random about it.
    /// - Throws: as `losses`.
    func validationLosses(of batch: Batch, first: Int) throws -> Losses
}

/// Where a batch stands in a training.
public struct BatchPlace: Sendable, Hashable {
    /// The optimizer step that it belongs to, from 0.
    public var step: Int
    /// The place of its first sample among those of the step.
    public var first: Int
    /// The number of its forward pass since the training began.
    public var pass: Int
    /// The turn of the step, see `LearnerGroup`.
    public var turn: Int

    public init(step: Int, first: Int, pass: Int, turn: Int) {
        (self.step, self.first, self.pass, self.turn) = (step, first, pass, turn)
    }
}

/// The losses of a batch by name, each a scalar.
public struct Losses {
    /// The first one is minimized; the others, its parts or anything else worth watching, are logged beside it.
    public let all: [(name: String, value: Tensor)]

    /// - Parameters:
    ///   - total: what is minimized.
    ///   - name: of the total; differs between turns.
    public init(_ total: Tensor, name: String = "loss", _ others: KeyValuePairs<String, Tensor> = [:]) {
        all = [(name, total)] + others.map { ($0.key, $0.value.detached) }
    }

    public var total: Tensor { all[0].value }
}
