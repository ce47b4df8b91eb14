/// What a training does when, whatever it trains.
public struct TrainingPlan: Sendable, Hashable {
    /// Optimizer steps in all.
    public var steps: Int
    /// Decides the order of the samples.
    public var seed: UInt64
    /// Samples in one forward pass.
    public var batchSize = 16
    /// Batches whose gradients are averaged for one optimizer step.
    public var accumulation = 1
    /// Whether only what enters each block of a network is kept, and its inside computed again for the gradients.
    public var gradientCheckpointing = false
    /// Steps between saved states.
    public var checkpointEvery = 500
    /// Steps between previews; nil: none.
    public var previewEvery: Int?
    /// Steps between measurements of the validation losses; nil: the only one is at the end.
    public var validationEvery: Int?
    public var validationBatches = 8
    /// Steps between logged losses.
    public var logEvery = 10

    public init(steps: Int, seed: UInt64) {
        self.steps = steps
        self.seed = seed
    }
}
