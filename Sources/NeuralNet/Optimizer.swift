public import TensorCore

/// The rule by which gradients change parameters, with PyTorch's definitions and order of operations.
public enum OptimizerRule: Sendable, Hashable {
    /// Stochastic gradient descent with momentum; `weightDecay` is L2 (torch.optim.SGD).
    case sgd(momentum: Double, weightDecay: Double)
    /// Adam or AdamW (torch.optim.Adam, torch.optim.AdamW).
    case adam(Adam)
    /// Muon for hidden matrices (Jordan et al. 2024; torch.optim.Muon with Nesterov momentum and "match_rms_adamw"),
    /// Adam for all else; the matrices decay as the others do, by themselves.
    case muon(momentum: Double, others: Adam)
}

/// Updates a `ParameterBuffer`: clip, optimize and average in one sweep over memory.
public final class Optimizer {
    public let rule: OptimizerRule
    private let buffer: ParameterBuffer
    /// What Muon changes.
    private let matrices: [MatrixPlace]
    /// What the other rules change; all but `matrices`, under Muon.
    private let others: [Range<Int>]
    /// Momentum for SGD (none without), first and second for Adam; with Muon, the first holds its momentum too. Each is laid out like the
    /// weights, but for the second with Muon, which has only what is not in a matrix, without gaps.
    public let moments: [Tensor]
    /// The exponential moving average of the weights, if there is one.
    public let average: Tensor?

    /// - Parameter averaging: whether to keep a moving average, which begins as a copy of the weights.
    public init(_ rule: OptimizerRule, _ buffer: ParameterBuffer, averaging: Bool) {
        self.rule = rule
        self.buffer = buffer
        let device = buffer.weights.device
        switch rule {
        case .muon:
            let places = buffer.hiddenMatrices
            (matrices, others) = (places, buffer.ranges(without: places))
            moments = [buffer.zeros(), .zeros([max(1, others.reduce(0) { $0 + $1.count })], on: device)]
        case .sgd(let momentum, _):
            (matrices, others) = ([], [0..<buffer.weights.elementCount])
            moments = momentum == 0 ? [] : [buffer.zeros()]
        case .adam:
            (matrices, others) = ([], [0..<buffer.weights.elementCount])
            moments = [buffer.zeros(), buffer.zeros()]
        }
        average = averaging ? buffer.weights.copy() : nil
    }

    /// The Euclidean norm of all gradients; the order of its sum is fixed.
    public var gradientNorm: Double { buffer.gradients.sumOfSquares.squareRoot() }

    /// One update.
    ///
    /// - Parameters:
    ///   - step: counted from 0; Adam's bias correction uses step + 1.
    ///   - learningRate: for this step.
    ///   - gradientScale: what gradients are multiplied with first: clipping, the mean over accumulated batches.
    ///   - averageDecay: for this step; 1 leaves the average as it is.
    public func update(step: Int, learningRate: Double, gradientScale: Double, averageDecay: Double) {
        let settings = UpdateSettings(
            learningRate: learningRate, gradientScale: Float(gradientScale), averageDecay: averageDecay)
        guard case .muon(let momentum, let adam) = rule else {
            return buffer.weights.applyUpdate(
                update(step: step), gradient: buffer.gradients, moments: moments, average: average, settings: settings)
        }
        buffer.weights.applyOrthogonalUpdate(
            to: matrices, gradient: buffer.gradients, moment: moments[0], average: average, momentum: momentum,
            weightDecay: adam.weightDecay, settings: settings)
        var first = 0
        for range in others {
            func part(_ tensor: Tensor) -> Tensor { tensor.sliced(axis: 0, range) }
            part(buffer.weights).applyUpdate(
                update(step: step), gradient: part(buffer.gradients),
                moments: [part(moments[0]), moments[1].sliced(axis: 0, first..<first + range.count)],
                average: average.map(part), settings: settings)
            first += range.count
        }
    }

    private func update(step: Int) -> ParameterUpdate {
        switch rule {
        case .sgd(let momentum, let weightDecay):
            .sgd(momentum: momentum, weightDecay: weightDecay, isFirst: step == 0)
        case .adam(let adam), .muon(_, let adam): .adam(adam, step: step + 1)
        }
    }
}

/// How much of the moving average stays in each step.
public struct AverageSchedule: Sendable, Hashable {
    public var decay: Double

    public init(decay: Double) { self.decay = decay }

    /// min(decay, (1 + step) / (10 + step)), step counted from 0: a young average follows closely, so that short trainings are
    /// not held back by their first weights.
    public func decay(step: Int) -> Double { min(decay, (1 + Double(step)) / (10 + Double(step))) }
}
