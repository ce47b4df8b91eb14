internal import Checkpoints
internal import Problems
internal import TensorCore

extension Double {
    /// A NaN has no sign for a reader.
    var inWords: String { isNaN ? "not a number" : isInfinite ? "infinite" : "\(self)" }
}

/// Saved states, and the way back to one of them when numbers go out of range.
extension Trainer {
    /// How often a training may go back after NaN or infinity.
    private static let maximumRecoveries = 3

    /// Whether the state is fit to be saved; false when it was spoilt and the training went back.
    func isSound() throws -> Bool {
        let tensors = learners.map(\.state).flatMap { [$0.weights] + [$0.average].compactMap(\.self) + $0.moments }
        guard tensors.allSatisfy(\.isFinite) else {
            try goBack(in: step, "a weight or one of its moments is not finite")
            return false
        }
        return true
    }

    /// Bytes of a saved state.
    public var stateSize: Int {
        let tensors = learners.map(\.state).flatMap { [$0.weights] + [$0.average].compactMap(\.self) + $0.moments }
        return tensors.reduce(0) { $0 + $1.shape.count * MemoryLayout<Float>.stride }
    }

    func saveState() throws {
        let path = try store.save(TrainingState(step: step, groups: learners.map(\.state), record: record))
        suspect = nil
        try report(.checkpoint(step: step, path: path))
    }

    /// The newest state that can be used, of a step before `limit`.
    func savedState(before limit: Int = .max) throws -> TrainingState? {
        try store.newest(like: learners.map(\.state), before: limit) { problem in
            try report(problem.code == .unsupported ? .outdatedCheckpoint(problem) : .damagedCheckpoint(problem))
        }
    }

    func restore(_ state: TrainingState) {
        for (learner, saved) in zip(learners, state.groups) { learner.restore(saved) }
        step = state.step
        record = state.record
    }

    /// Returns to a saved state, or to the beginning where there is none, with half the learning rate.
    ///
    /// - Parameters:
    ///   - failed: the number of the step whose outcome is not finite, counted from 1.
    ///   - reason: what was seen.
    func goBack(in failed: Int, _ reason: String) throws {
        let (recoveries, scale) = (record.recoveries + 1, record.learningRateScale / 2)
        guard recoveries <= Self.maximumRecoveries else {
            throw Problem(
                .numerical,
                "in step \(failed) \(reason), after \(recoveries - 1) returns with the learning rate halved each time",
                remedy: learners.contains { $0.group.optimization.maxGradientNorm == nil }
                    ? "Set max_grad_norm, lower learning_rate, lengthen warmup_steps, or look for broken samples."
                    : "Lower learning_rate or max_grad_norm, lengthen warmup_steps, or look for broken samples.",
                path: "$.training.learning_rate")
        }
        if let state = try stateToReturnTo() { restore(state) } else { try restart() }
        suspect = step
        record.recoveries = recoveries
        record.learningRateScale = scale
        try report(.recovered(step: failed, resumed: step, learningRateScale: scale, reason: reason))
    }

    /// The newest saved state; but if the training went back to it before and came to the same end, the state was
    /// itself on its way out of range, and the one before it is taken, if there is one.
    private func stateToReturnTo() throws -> TrainingState? {
        if let suspect, let older = try savedState(before: suspect) { return older }
        return try savedState()
    }

    /// The state before the first step.
    private func restart() throws {
        for learner in learners { try learner.group.initialWeights.give(to: learner.group) }
        for learner in learners { learner.restart() }
        step = 0
        record = TrainingRecord()
    }
}
