internal import Configurations
internal import NeuralNet
internal import TensorCore
internal import Training

// What the keys of a train job mean to the modules that compute.

extension TrainingOptions {
    func plan(steps: Int, seed: UInt64) -> TrainingPlan {
        var plan = TrainingPlan(steps: steps, seed: seed)
        plan.batchSize = batchSize
        plan.accumulation = gradientAccumulationSteps
        plan.gradientCheckpointing = gradientCheckpointing
        plan.checkpointEvery = checkpointEvery
        plan.previewEvery = sampleEvery
        plan.validationEvery = validationEvery
        plan.validationBatches = validationBatches
        plan.logEvery = logEvery
        return plan
    }

    var optimization: Optimization {
        Optimization(
            rule, learningRate: learningRate, learningRateShape: learningRateSchedule, warmupSteps: warmupSteps,
            maxGradientNorm: maxGradNorm, averageDecay: emaDecay)
    }

    private var rule: OptimizerRule {
        let adam = Adam(
            beta1: adamBeta1, beta2: adamBeta2, epsilon: adamEpsilon, weightDecay: weightDecay,
            isDecoupled: optimizer != .adam)
        return switch optimizer {
        case .sgd: .sgd(momentum: momentum, weightDecay: weightDecay)
        case .adam, .adamw: .adam(adam)
        case .muon: .muon(momentum: momentum, others: adam)
        }
    }
}

extension LossConfiguration {
    /// What training draws; nil: all.
    var timesteps: ClosedRange<Int>? { timestepRange.map { $0[0]...max($0[0], $0[1]) } }

    /// The distance between what a model predicts and what it should.
    var distance: Loss {
        switch loss {
        case .mse: .meanSquared
        case .l1: .meanAbsolute
        case .huber: .huber(delta: Float(huberDelta))
        case .smoothL1: .smoothL1(delta: Float(huberDelta))
        }
    }
}

extension ReconstructionOptions {
    /// The distance between an image and its reconstruction.
    var distance: Loss {
        switch loss {
        case .l1: .meanAbsolute
        case .mse: .meanSquared
        }
    }
}
