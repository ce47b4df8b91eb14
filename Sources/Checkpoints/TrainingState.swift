public import TensorCore

/// All that a training needs to go on as if it had never stopped. Random numbers are functions of the step, so none are kept.
public struct TrainingState {
    /// Optimizer steps done.
    public var step: Int
    /// Parameters, in the layout of the `ParameterBuffer`.
    public var weights: Tensor
    /// Their moving average, if there is one.
    public var average: Tensor?
    /// The optimizer's moments.
    public var moments: [Tensor]
    public var record: TrainingRecord

    public init(step: Int, weights: Tensor, average: Tensor?, moments: [Tensor], record: TrainingRecord) {
        self.step = step
        self.weights = weights
        self.average = average
        self.moments = moments
        self.record = record
    }
}

/// The part of a training's state that is not tensors.
public struct TrainingRecord: Sendable, Codable, Hashable {
    /// A value of a loss after some steps.
    public struct Point: Sendable, Codable, Hashable {
        public var step: Int
        public var loss: Double

        public init(step: Int, loss: Double) {
            self.step = step
            self.loss = loss
        }
    }

    /// Multiplies the learning rate; halved with each return from NaN.
    public var learningRateScale = 1.0
    /// How often the training went back after NaN or infinity.
    public var recoveries = 0
    /// Logged losses, each the mean since the one before.
    public var losses: [Point] = []
    /// Losses since the last logged one.
    public var pending: [Double] = []
    public var validationLosses: [Point] = []
    /// The saved state with the lowest validation loss so far.
    public var best: Point?

    public init() {}
}
