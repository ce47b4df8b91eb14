internal import Checkpoints
internal import Datasets
internal import NeuralNet
internal import TensorCore

/// A part of an optimizer step: the groups that follow one loss together.
struct Turn {
    /// As tasks know it.
    let number: Int
    let learners: [Learner]

    /// The turns of a step, in their order.
    static func all(of learners: [Learner]) -> [Turn] {
        Set(learners.map(\.group.turn)).sorted().map { number in
            Turn(number: number, learners: learners.filter { $0.group.turn == number })
        }
    }

    /// Adds the gradient of the first loss of one of a step's batches, and returns all losses.
    ///
    /// - Parameter adding: whether to add to the gradients of the step's earlier batches.
    func accumulate(
        _ task: any TrainingTask, _ batch: Batch, at place: BatchPlace, adding: Bool, recomputing: Bool
    ) throws -> [NamedLoss] {
        let tape = Tape(recomputes: recomputing)
        for learner in learners { learner.parameters.track(on: tape, adding: adding) }
        defer { for learner in learners { learner.parameters.untrack() } }
        let losses = try task.losses(of: batch, at: place)
        tape.backward(from: losses.total)
        return losses.values
    }

    /// The norm of all the turn's gradients together: of the mean over as many batches as were accumulated.
    func gradientNorm(accumulated batches: Int) -> Double {
        let squares = learners.reduce(0) { $0 + $1.parameters.gradients.sumOfSquares }
        return squares.squareRoot() / Double(batches)
    }

    /// Takes step `step` with the gradients that were accumulated.
    ///
    /// - Parameters:
    ///   - scale: of the learning rates.
    ///   - norm: `gradientNorm(accumulated: batches)`.
    func update(step: Int, of total: Int, scale: Double, norm: Double, accumulated batches: Int) {
        for learner in learners {
            let optimization = learner.group.optimization
            // Clipping as torch.nn.utils.clip_grad_norm_ has it.
            let clip = optimization.maxGradientNorm.map { min(1, $0 / (norm + 1e-6)) } ?? 1
            learner.optimizer.update(
                step: step, learningRate: optimization.learningRate(step: step, of: total) * scale,
                gradientScale: clip / Double(batches), averageDecay: optimization.averageDecay(step: step))
        }
    }
}

extension Losses {
    var values: [NamedLoss] { all.map { NamedLoss($0.name, Double($0.value.item)) } }
}
