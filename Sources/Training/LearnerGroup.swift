public import Configurations
public import NeuralNet
internal import TensorCore

/// Parameters of a network that are trained together, by an optimizer of their own. All other parameters are constants.
public struct LearnerGroup {
    /// Names the group's tensors in saved states; no two groups of a training have the same.
    public var name: String
    public var network: any Module
    /// Which of the network's parameters it trains. No two groups train the same one.
    public var selection: ParameterSelection
    public var initialWeights: InitialWeights
    public var optimization: Optimization
    /// The turn of a step in which the group is updated. Groups of one turn follow one loss and their gradients are
    /// clipped together; turns
    /// follow each other in ascending order, each with the weights that the one before has left.
    public var turn: Int

    public init(
        _ name: String, _ network: any Module, selection: ParameterSelection = .all, _ initialWeights: InitialWeights,
        _ optimization: Optimization, turn: Int = 0
    ) {
        self.name = name
        self.network = network
        self.selection = selection
        self.initialWeights = initialWeights
        self.optimization = optimization
        self.turn = turn
    }
}

extension LearnerGroup {
    /// Numbers that it trains.
    public var parameterCount: Int {
        network.parameters.filter { $0.parameter.isTrainable && selection.contains($0.name) }
            .map(\.parameter.shape.elementCount).reduce(0, +)
    }
}

/// The weights that a group begins with.
public enum InitialWeights {
    /// Random numbers for the group's parameters.
    case random(seed: UInt64)
    /// Those that a function gives to the network: it is called when the training begins, and again if the training
    /// must return to its beginning.
    case loaded(() throws -> Void)
}

/// How a group's weights follow their gradients.
public struct Optimization: Sendable, Hashable {
    public var rule: OptimizerRule
    /// After the warm-up.
    public var learningRate: Double
    public var learningRateShape: LearningRateShape
    /// Steps in which the learning rate rises from 0.
    public var warmupSteps: Int
    /// Gradients are scaled down to this norm; nil: never.
    public var maxGradientNorm: Double?
    /// Decay of the moving average of the weights; nil: none is kept.
    public var averageDecay: Double?

    public init(
        _ rule: OptimizerRule, learningRate: Double, learningRateShape: LearningRateShape = .constant,
        warmupSteps: Int = 0, maxGradientNorm: Double? = nil, averageDecay: Double? = nil
    ) {
        self.rule = rule
        self.learningRate = learningRate
        self.learningRateShape = learningRateShape
        self.warmupSteps = warmupSteps
        self.maxGradientNorm = maxGradientNorm
        self.averageDecay = averageDecay
    }

    /// The learning rate of step `step`, counted from 0, of `total`.
    func learningRate(step: Int, of total: Int) -> Double {
        learningRate
            * LearningRateSchedule(learningRateShape, warmupSteps: warmupSteps, totalSteps: total).factor(step: step)
    }

    /// How much of the moving average stays in step `step`; 1 without one.
    func averageDecay(step: Int) -> Double {
        averageDecay.map { AverageSchedule(decay: $0).decay(step: step) } ?? 1
    }
}
