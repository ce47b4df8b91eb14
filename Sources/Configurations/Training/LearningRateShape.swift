/// How the learning rate falls after the warm-up.
public enum LearningRateShape: String, Sendable, CaseIterable {
    case constant
    /// Linearly to 0 at the last step.
    case linear
    /// To 0 at the last step by half a cosine (Loshchilov & Hutter 2017).
    case cosine
}
