public import Checkpoints
internal import Configurations
public import Datasets
internal import NeuralNet
internal import Problems
internal import TensorCore

/// Trains a network at its task, with what a long run needs around it. The caller takes one step at a time, and does all else in between.
///
/// Everything random is a function of the seed and the step, and a state is saved between steps only. So a training that
/// is interrupted anywhere and resumes from its newest state ends with the weights of one that was not, bit for bit.
public final class Trainer {
    /// How often a training may go back after NaN or infinity.
    private static let maximumRecoveries = 3

    private let task: any TrainingTask
    private let dataset: Dataset
    private let batches: TrainingBatches
    private let plan: TrainingPlan
    private let store: TrainingStateStore
    private let learner: Learner
    private let preview: (_ step: Int) throws -> Void
    private let report: (TrainingEvent) throws -> Void

    /// Where the training went back to last, if it has not come as far as a new state since.
    private var suspect: Int?

    /// Steps done, by all attempts together.
    public private(set) var step = 0
    /// Steps to be done in all.
    public var totalSteps: Int { plan.steps }
    /// Losses so far, and how often the training went back.
    public private(set) var record = TrainingRecord()

    /// - Parameters:
    ///   - task: its network's parameters are initialized here, from the plan's seed.
    ///   - store: where states are saved; the training resumes from the newest one there.
    ///   - preview: samples from the model as it would be published now; called every `sample_every` steps.
    ///   - report: receives what happens besides the steps; what it throws, `step` throws.
    public init(
        _ task: any TrainingTask, dataset: Dataset, plan: TrainingPlan, store: TrainingStateStore,
        preview: @escaping (_ step: Int) throws -> Void, report: @escaping (TrainingEvent) throws -> Void
    ) throws {
        task.network.initialize(seed: plan.seed)
        self.task = task
        self.dataset = dataset
        self.plan = plan
        self.store = store
        self.preview = preview
        self.report = report
        learner = Learner(task, plan)
        batches = dataset.trainingBatches(
            seed: plan.seed, size: plan.options.batchSize, perStep: plan.options.gradientAccumulationSteps,
            on: learner.parameters.weights.device)
        if let state = try store.newest(
            for: learner.parameters, optimizer: learner.optimizer, skipped: Self.reportDamage(report))
        {
            restore(state)
        }
    }

    /// To be called before the first step: an earlier attempt may have ended between a state and its preview.
    public func begin() throws {
        if step > 0 { try previewIfDue() }
    }

    /// Takes the next step and does all that is due after it.
    ///
    /// - Returns: nil when the numbers went out of range and the training went back to an earlier state.
    /// - Throws: `numerical` when numbers go out of range once too often; what the data set, the disk, `preview` or `report` throw.
    @discardableResult
    public func takeStep() throws -> StepReport? {
        precondition(step < plan.steps, "the training is finished")
        guard let done = try update() else { return nil }
        try log(done)
        guard try validateIfDue() else { return nil }
        // The last state too: publishing may be interrupted, and then begins from there.
        if isDue(plan.options.checkpointEvery) || step == plan.steps {
            guard try isSound() else { return nil }
            rememberBest()
            try saveState()
        }
        try previewIfDue()
        return done
    }

    /// Saves the state, or the one that the training goes back to where this one is spoilt.
    public func save() throws {
        while try !isSound() {}
        try saveState()
    }

    /// Runs `body` with the weights that are published: the moving average, where there is one.
    public func withPublishedWeights<Result>(_ body: () throws -> Result) rethrows -> Result {
        guard let average = learner.optimizer.average else { return try body() }
        return try learner.parameters.with(average, body)
    }

    // MARK: - One step

    /// One optimizer step, or nil when it failed and the training went back.
    private func update() throws -> StepReport? {
        var loss = 0.0
        for microbatch in 0..<plan.options.gradientAccumulationSteps {
            let batch = try batches.batch(step: step, microbatch: microbatch)
            loss +=
                learner.accumulate(batch, microbatch: microbatch, step: step)
                / Double(plan.options.gradientAccumulationSteps)
        }
        let norm = learner.gradientNorm
        guard loss.isFinite, norm.isFinite else {
            try goBack(in: step + 1, loss.isFinite ? "the gradient's norm is \(norm)" : "the loss is \(loss)")
            return nil
        }
        let learningRate = plan.learningRate(step: step) * record.learningRateScale
        learner.update(step: step, learningRate: learningRate, norm: norm)
        step += 1
        return StepReport(
            step: step, total: plan.steps, loss: loss, gradientNorm: norm, learningRate: learningRate)
    }

    // MARK: - Around the steps

    private func isDue(_ interval: Int?) -> Bool { interval.map { step % $0 == 0 } ?? false }

    private func log(_ done: StepReport) throws {
        record.pending.append(done.loss)
        guard isDue(plan.options.logEvery) || step == plan.steps else { return }
        let mean = record.pending.reduce(0, +) / Double(record.pending.count)
        record.losses.append(.init(step: step, loss: mean))
        record.pending = []
        try report(.logged(done, meanLoss: mean))
    }

    /// Whether the loss is finite; false when it was not and the training went back.
    private func validateIfDue() throws -> Bool {
        guard dataset.validationCount > 0, isDue(plan.options.validationEvery) || step == plan.steps else {
            return true
        }
        let loss = try withPublishedWeights { try validationLoss() }
        guard loss.isFinite else {
            try goBack(in: step, "the validation loss is \(loss)")
            return false
        }
        record.validationLosses.append(.init(step: step, loss: loss))
        try report(.validation(step: step, loss: loss))
        return true
    }

    private func previewIfDue() throws {
        if isDue(plan.options.sampleEvery) { try withPublishedWeights { try preview(step) } }
    }

    /// The mean loss on held-out samples.
    private func validationLoss() throws -> Double {
        let size = plan.options.batchSize
        let count = min(plan.options.validationBatches, dataset.validationBatchCount(size: size))
        var sum = 0.0
        var samples = 0
        for number in 0..<count {
            let batch = try dataset.validationBatch(number, size: size, on: learner.parameters.weights.device)
            sum += Double(task.validationLoss(of: batch, first: number * size).item) * Double(batch.count)
            samples += batch.count
        }
        return sum / Double(max(1, samples))
    }

    // MARK: - State

    /// Whether the state is fit to be saved; false when it was spoilt and the training went back.
    private func isSound() throws -> Bool {
        let state =
            [learner.parameters.weights] + [learner.optimizer.average].compactMap(\.self) + learner.optimizer.moments
        guard state.allSatisfy(\.isFinite) else {
            try goBack(in: step, "a weight or one of its moments is not finite")
            return false
        }
        return true
    }

    /// Notes whether no state before had a lower validation loss. States that a stop asks for don't take part, so that the
    /// record is the same however often a training was stopped.
    private func rememberBest() {
        guard let newest = record.validationLosses.last, newest.step == step else { return }
        if newest.loss < record.best?.loss ?? .infinity { record.best = newest }
    }

    private func saveState() throws {
        let path = try store.save(
            TrainingState(
                step: step, weights: learner.parameters.weights, average: learner.optimizer.average,
                moments: learner.optimizer.moments,
                record: record))
        suspect = nil
        try report(.checkpoint(step: step, path: path))
    }

    private func restore(_ state: TrainingState) {
        learner.parameters.weights.overwrite(with: state.weights)
        if let average = learner.optimizer.average, let saved = state.average { average.overwrite(with: saved) }
        for (moment, saved) in zip(learner.optimizer.moments, state.moments) { moment.overwrite(with: saved) }
        step = state.step
        record = state.record
    }

    /// Returns to a saved state, or to the beginning where there is none, with half the learning rate.
    ///
    /// - Parameters:
    ///   - failed: the number of the step whose outcome is not finite, counted from 1.
    ///   - reason: what was seen.
    private func goBack(in failed: Int, _ reason: String) throws {
        let (recoveries, scale) = (record.recoveries + 1, record.learningRateScale / 2)
        guard recoveries <= Self.maximumRecoveries else {
            throw Problem(
                .numerical,
                "in step \(failed) \(reason), for the \(recoveries)th time, with the learning rate halved each time",
                remedy: "Lower learning_rate or max_grad_norm, lengthen warmup_steps, or look for broken samples.",
                path: "$.training.learning_rate")
        }
        if let state = try stateToReturnTo() { restore(state) } else { restart() }
        suspect = step
        record.recoveries = recoveries
        record.learningRateScale = scale
        try report(.recovered(step: failed, resumed: step, learningRateScale: scale, reason: reason))
    }

    /// The newest saved state; but if the training went back to it before and came to the same end, the state was itself on
    /// its way out of range, and the one before it is taken, if there is one.
    private func stateToReturnTo() throws -> TrainingState? {
        let damage = Self.reportDamage(report)
        if let suspect,
            let older = try store.newest(
                for: learner.parameters, optimizer: learner.optimizer, before: suspect, skipped: damage)
        {
            return older
        }
        return try store.newest(for: learner.parameters, optimizer: learner.optimizer, skipped: damage)
    }

    /// The state before the first step.
    private func restart() {
        task.network.initialize(seed: plan.seed)
        learner.parameters.adoptValues()
        learner.optimizer.average?.overwrite(with: learner.parameters.weights)
        for moment in learner.optimizer.moments { moment.clear() }
        step = 0
        record = TrainingRecord()
    }

    private static func reportDamage(_ report: @escaping (TrainingEvent) throws -> Void) -> (Problem) throws -> Void {
        { try report(.damagedCheckpoint($0)) }
    }
}
