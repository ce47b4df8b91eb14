public import Configurations

#if canImport(Glibc)
    internal import Glibc
#endif

/// How the learning rate changes over a training; the factors of diffusers' `get_scheduler`.
public struct LearningRateSchedule: Sendable, Hashable {
    public var shape: LearningRateShape
    /// Steps in which the factor rises linearly from 0 to 1.
    public var warmupSteps: Int
    public var totalSteps: Int

    public init(_ shape: LearningRateShape, warmupSteps: Int = 0, totalSteps: Int) {
        self.shape = shape
        self.warmupSteps = warmupSteps
        self.totalSteps = totalSteps
    }

    /// The factor of the base learning rate in step `step`, counted from 0.
    public func factor(step: Int) -> Double {
        if step < warmupSteps { return Double(step) / Double(max(1, warmupSteps)) }
        let progress = Double(step - warmupSteps) / Double(max(1, totalSteps - warmupSteps))
        return switch shape {
        case .constant: 1
        case .linear: max(0, 1 - progress)
        case .cosine: max(0, 0.5 * (1 + cos(Double.pi * progress)))
        }
    }
}
