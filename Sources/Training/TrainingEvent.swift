public import Checkpoints
public import Problems

/// What happens in a training besides its steps.
public enum TrainingEvent: Sendable {
    /// Every `logEvery` steps: the mean losses since the last time.
    case logged(StepReport, means: [NamedLoss])
    /// Losses on held-out data, at timesteps and noise that never change.
    case validation(step: Int, losses: [NamedLoss])
    case checkpoint(step: Int, path: String)
    /// A saved state could not be used; an older one is tried.
    case damagedCheckpoint(Problem)
    /// The saved states are of another version of the program; the training begins anew.
    case outdatedCheckpoint(Problem)
    /// Numbers went out of range in step `step`; the training resumes from step `resumed` with a smaller learning rate.
    case recovered(step: Int, resumed: Int, learningRateScale: Double, reason: String)
}

/// One optimizer step.
public struct StepReport: Sendable {
    /// Steps done, this one included.
    public var step: Int
    public var total: Int
    /// Those of the first turn come first; the first of each turn is the one that it minimizes.
    public var losses: [NamedLoss]
    /// Of the first turn, before clipping.
    public var gradientNorm: Double
    /// Of the first group.
    public var learningRate: Double

    public var loss: Double { losses[0].value }
}
