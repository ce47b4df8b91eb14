internal import Datasets
public import Models
internal import NeuralNet
public import TensorCore

extension Trainer {
    /// Bytes that the tensors of a training take at most, told by two of its steps on a device that computes nothing.
    ///
    /// - Parameters:
    ///   - groups: their networks lie on a rehearsing device; weights that would be loaded are not.
    ///   - shape: the extents of a sample.
    ///   - condition: of one sample.
    ///   - caption: of one sample, for a task that encodes captions itself.
    ///   - preview: what is done between two steps, with what learns in memory.
    /// - Throws: `invalid` where a group selects nothing that can be trained.
    public static func rehearse(
        _ task: any TrainingTask, _ groups: [LearnerGroup], _ plan: TrainingPlan, shape: [Int], condition: Condition,
        caption: Int? = nil, preview: (Device) throws -> Void = { _ in }
    ) throws -> Int {
        for group in groups { group.network.initialize(seed: plan.seed) }
        let learners = try groups.map { try Learner($0) }
        let device = learners[0].parameters.weights.device
        precondition(device.isRehearsal, "a rehearsal has a device of its own")
        let turns = Turn.all(of: learners)
        for step in 0..<2 {
            for turn in turns {
                // The second batch adds to gradients, the others are like it.
                for microbatch in 0..<min(2, plan.accumulation) {
                    let batch = Batch(
                        x: .zeros(Shape([plan.batchSize] + shape), on: device),
                        condition: condition.repeated(for: 0..<plan.batchSize),
                        captions: caption.map { [Int](repeating: $0, count: plan.batchSize) })
                    let place = BatchPlace(step: step, first: 0, pass: 0, turn: turn.number)
                    _ = try turn.accumulate(
                        task, batch, at: place, adding: microbatch > 0, recomputing: plan.gradientCheckpointing)
                }
                turn.update(step: step, of: 2, scale: 0, norm: turn.gradientNorm(accumulated: 1), accumulated: 1)
            }
        }
        let held = device.memory.held
        try preview(device)
        return max(held, device.memory.held)
    }
}
