internal import CKernels

#if canImport(Glibc)
    internal import Glibc
#endif

/// The constants of Adam (Kingma & Ba 2015), with the defaults of torch.optim.Adam.
public struct Adam: Sendable, Hashable {
    /// Decay of the first moment.
    public var beta1: Double
    /// Decay of the second moment.
    public var beta2: Double
    /// Added to the root of the second moment.
    public var epsilon: Double
    public var weightDecay: Double
    /// Whether weights decay by themselves (AdamW; Loshchilov & Hutter 2019) rather than through their gradients (L2).
    public var isDecoupled: Bool

    public init(
        beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0,
        isDecoupled: Bool = false
    ) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
        self.isDecoupled = isDecoupled
    }
}

/// An optimizer step as the kernels know it.
public enum ParameterUpdate: Sendable {
    case sgd(momentum: Double, weightDecay: Double, isFirst: Bool)
    /// `step` counts from 1.
    case adam(Adam, step: Int)
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
            case .adam(let adam, let step):
                var kernel = CKAdam(
                    learning_rate: settings.learningRate, beta1: adam.beta1, beta2: adam.beta2, epsilon: adam.epsilon,
                    weight_decay: adam.weightDecay, decoupled: adam.isDecoupled,
                    bias_correction1: 1 - pow(adam.beta1, Double(step)),
                    bias_correction2: 1 - pow(adam.beta2, Double(step)), gradient_scale: settings.gradientScale,
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
