public import Checkpoints
public import Datasets
internal import NeuralNet
internal import Problems
internal import TensorCore

/// Trains parameters of networks at a task, with what a long run needs around it. The caller takes one step at a time,
/// and does all else in between.
///
/// Everything random is a function of the seed and the step, and a state is saved between steps only. So a training that
/// is interrupted anywhere and resumes from its newest state ends with the weights of one that was not, bit for bit.
public final class Trainer {
    private let task: any TrainingTask
    private let dataset: Dataset
    private let batches: TrainingBatches
    private let device: Device
    let plan: TrainingPlan
    let store: TrainingStateStore
    let learners: [Learner]
    private let turns: [Turn]
    private let preview: (_ step: Int) throws -> Void
    private let checkStop: () throws -> Void
    let report: (TrainingEvent) throws -> Void

    /// Where the training went back to last, if it has not come as far as a new state since.
    var suspect: Int?

    /// Steps done, by all attempts together.
    public internal(set) var step = 0
    /// Losses so far, and how often the training went back.
    public internal(set) var record = TrainingRecord()

    /// Steps to be done in all.
    public var totalSteps: Int { plan.steps }

    /// - Parameters:
    ///   - groups: what learns; at least one. They receive their initial weights here, in this order.
    ///   - store: where states are saved; the training resumes from the newest one there.
    ///   - preview: shows the networks as they would be published now; called every `previewEvery` steps.
    ///   - checkStop: called before each batch of a step and of a validation; what it throws, `takeStep` throws. The step,
    ///     or the validation after it, is then begun again some time.
    ///   - report: receives what happens besides the steps; what it throws, `takeStep` throws.
    /// - Throws: `invalid` where a group selects nothing that can be trained, or the saved states belong to another
    ///   training.
    public init(
        _ task: any TrainingTask, _ groups: [LearnerGroup], dataset: Dataset, plan: TrainingPlan,
        store: TrainingStateStore, preview: @escaping (_ step: Int) throws -> Void,
        report: @escaping (TrainingEvent) throws -> Void, checkStop: @escaping () throws -> Void = {}
    ) throws {
        precondition(Set(groups.map(\.name)).count == groups.count, "groups have names of their own")
        for group in groups { try group.initialWeights.give(to: group) }
        self.task = task
        self.dataset = dataset
        self.plan = plan
        self.store = store
        self.preview = preview
        self.checkStop = checkStop
        self.report = report
        learners = try groups.map { try Learner($0) }
        try Self.checkDisjoint(learners)
        turns = Turn.all(of: learners)
        device = learners[0].parameters.weights.device
        batches = dataset.trainingBatches(
            seed: plan.seed, size: plan.batchSize, perStep: plan.accumulation, on: device)
        if let state = try savedState() { restore(state) }
    }

    private static func checkDisjoint(_ learners: [Learner]) throws {
        var owners: [ObjectIdentifier: String] = [:]
        for learner in learners {
            for (name, parameter, _) in learner.parameters.entries {
                guard let other = owners.updateValue(learner.group.name, forKey: ObjectIdentifier(parameter)) else {
                    continue
                }
                throw Problem(
                    .invalid, "\(name) would be trained by both \(other) and \(learner.group.name)",
                    remedy: "Let one of them except it.")
            }
        }
    }

    /// To be called before the first step: an earlier attempt may have ended before all was done that is due after its last.
    public func begin() throws {
        guard step > 0 else { return }
        if isValidationDue { _ = try completeStep() } else { try previewIfDue() }
    }

    /// Takes the next step and does all that is due after it.
    ///
    /// - Returns: nil when the numbers went out of range and the training went back to an earlier state.
    /// - Throws: `numerical` when numbers go out of range once too often; what the data set, the disk, `preview`,
    ///   `report` or `checkStop` throw.
    @discardableResult
    public func takeStep() throws -> StepReport? {
        precondition(step < plan.steps, "the training is finished")
        guard let done = try update() else { return nil }
        try log(done)
        return try completeStep() ? done : nil
    }

    /// Does all that is due after a step. Where a stop ends it, `begin` does the rest.
    ///
    /// - Returns: false where the training went back.
    private func completeStep() throws -> Bool {
        guard try validateIfDue() else { return false }
        // The last state too: publishing may be interrupted, and then begins from there.
        if isDue(plan.checkpointEvery) || step == plan.steps {
            guard try isSound() else { return false }
            rememberBest()
            try saveState()
        }
        try previewIfDue()
        return true
    }

    /// Saves the state, or the one that the training goes back to where this one is spoilt.
    public func save() throws {
        while try !isSound() {}
        try saveState()
    }

    /// Runs `body` with the weights that are published: the moving averages, where there are some.
    public func withPublishedWeights<Result>(_ body: () throws -> Result) rethrows -> Result {
        try Self.withAverages(learners[...], body)
    }

    private static func withAverages<Result>(
        _ learners: ArraySlice<Learner>, _ body: () throws -> Result
    ) rethrows -> Result {
        guard let first = learners.first else { return try body() }
        let rest = learners.dropFirst()
        guard let average = first.optimizer.average else { return try withAverages(rest, body) }
        return try first.parameters.with(average) { try withAverages(rest, body) }
    }

    // MARK: - One step

    /// One optimizer step of all turns, or nil when it failed and the training went back.
    private func update() throws -> StepReport? {
        // Later turns see the same batches.
        var loaded: [Batch] = []
        var losses: [NamedLoss] = []
        var norms: [Double] = []
        for turn in turns {
            var sums: [NamedLoss] = []
            for microbatch in 0..<plan.accumulation {
                // Once a turn has changed its weights, the step must come to its end.
                if norms.isEmpty { try checkStop() }
                let batch =
                    microbatch < loaded.count
                    ? loaded[microbatch] : try batches.batch(step: step, microbatch: microbatch)
                if turns.count > 1, microbatch == loaded.count { loaded.append(batch) }
                let found = try turn.accumulate(
                    task, batch, at: place(of: microbatch, in: turn), adding: microbatch > 0,
                    recomputing: plan.gradientCheckpointing)
                if sums.isEmpty { sums = found.map { NamedLoss($0.name, 0) } }
                for index in found.indices { sums[index].value += found[index].value / Double(plan.accumulation) }
            }
            let norm = turn.gradientNorm(accumulated: plan.accumulation)
            guard sums[0].value.isFinite, norm.isFinite else {
                try goBack(
                    in: step + 1,
                    sums[0].value.isFinite
                        ? "the gradient's norm is \(norm.inWords)" : "the \(sums[0].name) is \(sums[0].value.inWords)")
                return nil
            }
            turn.update(
                step: step, of: plan.steps, scale: record.learningRateScale, norm: norm, accumulated: plan.accumulation)
            losses += sums
            norms.append(norm)
        }
        step += 1
        return StepReport(
            step: step, total: plan.steps, losses: losses, gradientNorm: norms[0],
            learningRate: learners[0].group.optimization.learningRate(step: step - 1, of: plan.steps)
                * record.learningRateScale)
    }

    private func place(of microbatch: Int, in turn: Turn) -> BatchPlace {
        let batch = step * plan.accumulation + microbatch
        let order = turns.firstIndex { $0.number == turn.number } ?? 0
        return BatchPlace(
            step: step, first: microbatch * plan.batchSize, pass: batch * turns.count + order, turn: turn.number)
    }

    // MARK: - Around the steps

    private func isDue(_ interval: Int?) -> Bool { interval.map { step % $0 == 0 } ?? false }

    private func log(_ done: StepReport) throws {
        record.add(done.losses)
        guard isDue(plan.logEvery) || step == plan.steps else { return }
        try report(.logged(done, means: record.log(step: step)))
    }

    /// Whether the step ends with a validation that is not in the record yet.
    private var isValidationDue: Bool {
        dataset.validationCount > 0 && (isDue(plan.validationEvery) || step == plan.steps)
            && record.validationLosses.first?.points.last?.step != step
    }

    /// Whether the loss is finite; false when it was not and the training went back.
    private func validateIfDue() throws -> Bool {
        guard isValidationDue else { return true }
        let losses = try withPublishedWeights { try validationLosses() }
        guard losses[0].value.isFinite else {
            try goBack(in: step, "the validation \(losses[0].name) is \(losses[0].value)")
            return false
        }
        record.addValidation(losses, step: step)
        try report(.validation(step: step, losses: losses))
        return true
    }

    private func previewIfDue() throws {
        if isDue(plan.previewEvery) { try withPublishedWeights { try preview(step) } }
    }

    /// The mean losses on held-out samples, of which there are some.
    private func validationLosses() throws -> [NamedLoss] {
        let size = plan.batchSize
        let count = min(plan.validationBatches, dataset.validationBatchCount(size: size))
        var sums: [NamedLoss] = []
        var samples = 0
        for number in 0..<count {
            try checkStop()
            let batch = try dataset.validationBatch(number, size: size, on: device)
            let found = try task.validationLosses(of: batch, first: number * size).values
            if sums.isEmpty { sums = found.map { NamedLoss($0.name, 0) } }
            for index in found.indices { sums[index].value += found[index].value * Double(batch.count) }
            samples += batch.count
        }
        return sums.map { NamedLoss($0.name, $0.value / Double(max(1, samples))) }
    }

    /// Notes whether no state before had a lower validation loss. States that a stop asks for don't take part, so that the
    /// record is the same however often a training was stopped.
    private func rememberBest() {
        guard let newest = record.validationLosses.first?.points.last, newest.step == step else { return }
        if newest.loss < record.best?.loss ?? .infinity { record.best = newest }
    }
}
