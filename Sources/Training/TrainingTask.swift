public import Datasets
public import NeuralNet
public import TensorCore

/// What a training teaches: a network, and the loss of what it makes of a batch.
///
/// Everything random about a loss is a function of the training's seed and the batch's place.
public protocol TrainingTask {
    /// Its parameters are trained.
    var network: any Module { get }

    /// The loss of a batch in training, as a scalar that the network's tape has recorded.
    func loss(of batch: Batch, at place: BatchPlace) -> Tensor

    /// The loss of a batch that is held out, as a scalar.
    ///
    /// - Parameter first: the number of its first sample among those held out, which decides what is random about it.
    func validationLoss(of batch: Batch, first: Int) -> Tensor
}

/// Where a batch stands in a training.
public struct BatchPlace: Sendable, Hashable {
    /// The optimizer step that it belongs to, from 0.
    public var step: Int
    /// The place of its first sample among those of the step.
    public var first: Int
    /// The number of its forward pass since the training began.
    public var pass: Int
}
