public import TensorCore

/// All that a training needs to resume as if it had never stopped. Random numbers are functions of the step, so none
/// are kept.
public struct TrainingState {
    /// The part of it that belongs to one group of parameters.
    public struct Group {
        public var name: String
        /// The parameters, in the layout of their `ParameterBuffer`.
        public var weights: Tensor
        /// Their moving average, if there is one.
        public var average: Tensor?
        /// The optimizer's moments.
        public var moments: [Tensor]

        public init(name: String, weights: Tensor, average: Tensor?, moments: [Tensor]) {
            self.name = name
            self.weights = weights
            self.average = average
            self.moments = moments
        }
    }

    /// Optimizer steps done.
    public var step: Int
    public var groups: [Group]
    public var record: TrainingRecord

    public init(step: Int, groups: [Group], record: TrainingRecord) {
        self.step = step
        self.groups = groups
        self.record = record
    }
}
