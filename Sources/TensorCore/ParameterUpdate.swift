internal import CKernels

#if canImport(Glibc)
    internal import Glibc
#endif

/// An optimizer step as the kernels know it.
public enum ParameterUpdate: Sendable {
    case sgd(momentum: Double, weightDecay: Double, isFirst: Bool)
    /// `step` counts from 1.
    case adam(beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double, decoupled: Bool, step: Int)
}

/// What changes from step to step.
public struct UpdateSettings: Sendable {
    public var learningRate: Double
    /// Gradients are multiplied with it first.
    public var gradientScale: Float
    /// Of the moving average.
    public var averageDecay: Double

    public init(learningRate: Double, gradientScale: Float, averageDecay: Double) {
        self.learningRate = learningRate
        self.gradientScale = gradientScale
        self.averageDecay = averageDecay
    }
}

extension Tensor {
    /// Updates this tensor, its moments and its moving average in place, in one sweep. For parameters that no tape holds.
    ///
    /// - Parameters:
    ///   - gradient: of this tensor's shape, as are the moments and the average.
    ///   - moments: one for SGD with momentum, two for Adam.
    public func applyUpdate(
        _ update: ParameterUpdate, gradient: Tensor, moments: [Tensor], average: Tensor?, settings: UpdateSettings
    ) {
        precondition(([gradient] + moments + [average].compactMap(\.self)).allSatisfy { $0.shape == shape })
        device.forEachRun(ofRows: elementCount) { range in
            let first = range.lowerBound
            switch update {
            case .sgd(let momentum, let weightDecay, let isFirst):
                var kernel = CKSGD(
                    learning_rate: settings.learningRate, momentum: momentum, dampening: 0, weight_decay: weightDecay,
                    nesterov: false, first_step: isFirst, gradient_scale: settings.gradientScale,
                    ema_decay: settings.averageDecay)
                ck_sgd(
                    &kernel, pointer + first, moments.first.map { $0.pointer + first },
                    average.map { $0.pointer + first }, gradient.pointer + first, range.count)
            case .adam(let beta1, let beta2, let epsilon, let weightDecay, let decoupled, let step):
                var kernel = CKAdam(
                    learning_rate: settings.learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
                    weight_decay: weightDecay, decoupled: decoupled, bias_correction1: 1 - pow(beta1, Double(step)),
                    bias_correction2: 1 - pow(beta2, Double(step)), gradient_scale: settings.gradientScale,
                    ema_decay: settings.averageDecay)
                ck_adam(
                    &kernel, pointer + first, moments[0].pointer + first, moments[1].pointer + first,
                    average.map { $0.pointer + first }, gradient.pointer + first, range.count)
            }
        }
    }

    /// Replaces the elements in place. For memory that no tape holds: parameters and gradients between steps.
    public func overwrite(with other: Tensor) {
        precondition(shape == other.shape, "\(shape) cannot be overwritten with \(other.shape)")
        if !device.isRehearsal { pointer.update(from: other.pointer, count: elementCount) }
    }

    /// Sets all elements to 0 in place, under the same condition.
    public func clear() {
        if !device.isRehearsal { pointer.update(repeating: 0, count: elementCount) }
    }
}
