public import Configurations
internal import NeuralNet
internal import TensorCore

/// A training's options as its loop needs them: every choice made, the number of steps known.
public struct TrainingPlan: Sendable {
    public var options: TrainingOptions
    /// Optimizer steps in all.
    public var steps: Int
    public var seed: UInt64

    public init(_ options: TrainingOptions, steps: Int, seed: UInt64) {
        self.options = options
        self.steps = steps
        self.seed = seed
    }

    /// Samples that one optimizer step sees.
    var samplesPerStep: Int { options.batchSize * options.gradientAccumulationSteps }

    var rule: OptimizerRule {
        let o = options
        var adam = Adam(beta1: o.adamBeta1, beta2: o.adamBeta2, epsilon: o.adamEpsilon, weightDecay: o.weightDecay)
        adam.isDecoupled = o.optimizer != .adam
        return switch o.optimizer {
        case .sgd: .sgd(momentum: o.momentum, weightDecay: o.weightDecay)
        case .adam, .adamw: .adam(adam)
        case .muon: .muon(momentum: o.momentum, others: adam)
        }
    }

    /// The learning rate of step `step`, counted from 0.
    func learningRate(step: Int) -> Double {
        let schedule = LearningRateSchedule(
            options.learningRateSchedule, warmupSteps: options.warmupSteps, totalSteps: steps)
        return options.learningRate * schedule.factor(step: step)
    }

    /// How much of the moving average stays in step `step`; 1 without one.
    func averageDecay(step: Int) -> Double {
        options.emaDecay.map { AverageSchedule(decay: $0).decay(step: step) } ?? 1
    }
}
