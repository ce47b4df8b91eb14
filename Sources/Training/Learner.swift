internal import Configurations
internal import Datasets
public import Models
internal import NeuralNet
internal import TensorCore

/// A network, its optimizer, and the step that they take together.
final class Learner {
    let parameters: ParameterBuffer
    let optimizer: Optimizer
    private let task: any TrainingTask
    private let plan: TrainingPlan

    init(_ task: any TrainingTask, _ plan: TrainingPlan) {
        self.task = task
        self.plan = plan
        parameters = ParameterBuffer(task.network)
        optimizer = Optimizer(plan.rule, parameters, averaging: plan.options.emaDecay != nil)
    }

    /// Adds the gradient of the loss of one of the batches of step `step`, and returns the loss.
    func accumulate(_ batch: Batch, microbatch: Int, step: Int) -> Double {
        let tape = Tape(recomputes: plan.options.gradientCheckpointing)
        parameters.track(on: tape, adding: microbatch > 0)
        defer { parameters.untrack() }
        let loss = task.loss(
            of: batch,
            at: BatchPlace(
                step: step, first: microbatch * plan.options.batchSize,
                pass: step * plan.options.gradientAccumulationSteps + microbatch))
        tape.backward(from: loss)
        return Double(loss.item)
    }

    /// Of the mean over the step's batches.
    var gradientNorm: Double { optimizer.gradientNorm / Double(plan.options.gradientAccumulationSteps) }

    /// Takes step `step` with the gradients that were added up.
    ///
    /// - Parameter norm: `gradientNorm`.
    func update(step: Int, learningRate: Double, norm: Double) {
        // Clipping as torch.nn.utils.clip_grad_norm_ has it.
        let clip = plan.options.maxGradNorm.map { min(1, $0 / (norm + 1e-6)) } ?? 1
        optimizer.update(
            step: step, learningRate: learningRate,
            gradientScale: clip / Double(plan.options.gradientAccumulationSteps),
            averageDecay: plan.averageDecay(step: step))
    }
}

extension Trainer {
    /// Bytes that the tensors of a training take at most, told by two of its steps on a device that computes nothing.
    ///
    /// - Parameters:
    ///   - task: its network lies on a rehearsing device.
    ///   - shape: the extents of a sample.
    ///   - condition: of one sample.
    public static func rehearse(_ task: any TrainingTask, _ plan: TrainingPlan, shape: [Int], condition: Condition) -> Int {
        task.network.initialize(seed: plan.seed)
        let learner = Learner(task, plan)
        let device = learner.parameters.weights.device
        precondition(device.isRehearsal, "a rehearsal has a device of its own")
        let size = plan.options.batchSize
        for step in 0..<2 {
            // The second batch adds to gradients, the others are like it.
            for microbatch in 0..<min(2, plan.options.gradientAccumulationSteps) {
                let batch = Batch(x: .zeros(Shape([size] + shape), on: device), condition: condition.repeated(for: 0..<size))
                _ = learner.accumulate(batch, microbatch: microbatch, step: step)
            }
            learner.update(step: step, learningRate: 0, norm: learner.gradientNorm)
        }
        return device.memory.held
    }
}
