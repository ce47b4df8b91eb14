internal import Checkpoints
internal import Evaluation
internal import StrictJSON

/// The measuring of a bound on samples, pass after pass of the model.
struct BoundWork: ResumableWork {
    private var run: BoundRun
    private let store: EvaluationStore
    private let context: JobContext

    private static let name = "bound"

    /// Begins where an earlier attempt stopped.
    ///
    /// - Parameter run: begins with a state.
    init(_ plan: BoundPlan, _ store: EvaluationStore, _ context: JobContext, run: (BoundState) -> BoundRun) throws {
        let saved = try store.load(BoundState.self, Self.name) { context.log("warning: \($0)") }
        self.run = run(saved.flatMap { $0.fits(plan) ? $0 : nil } ?? BoundState(plan))
        self.store = store
        self.context = context
    }

    /// What has been found so far.
    var state: BoundState { run.state }

    var totalSteps: Int { run.plan.totalSteps }
    var stepsDone: Int { run.state.stepsDone(run.plan) }

    /// - Returns: whether a batch is complete.
    mutating func step() throws -> Bool? {
        let batch = run.state.batch
        _ = try run.step()
        return run.state.batch > batch
    }

    func finish(_ isBatchComplete: Bool) throws -> StepOutcome {
        guard isBatchComplete else { return StepOutcome() }
        try context.event(
            "measured",
            [
                "pictures": JSONNode(.integer(run.state.total.count)),
                "bits_per_dimension": JSONNode(.number(run.state.total.mean)),
            ])
        // The job may have more to measure.
        return StepOutcome(savesNow: run.state.batch == run.plan.batchCount)
    }

    func save() throws { try store.save(run.state, as: Self.name) }
}
