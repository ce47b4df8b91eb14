public import Problems

/// What happens in a training besides its steps.
public enum TrainingEvent: Sendable {
    /// Every `log_every` steps: the mean loss since the last time.
    case logged(StepReport, meanLoss: Double)
    /// Loss on held-out data, at timesteps and noise that never change.
    case validation(step: Int, loss: Double)
    case checkpoint(step: Int, path: String)
    /// A saved state could not be used; an older one is tried.
    case damagedCheckpoint(Problem)
    /// Numbers went out of range in step `step`; the training resumes from step `resumed` with a smaller learning rate.
    case recovered(step: Int, resumed: Int, learningRateScale: Double, reason: String)
}

/// One optimizer step.
public struct StepReport: Sendable {
    /// Steps done, this one included.
    public var step: Int
    public var total: Int
    public var loss: Double
    /// Before clipping.
    public var gradientNorm: Double
    public var learningRate: Double
}
