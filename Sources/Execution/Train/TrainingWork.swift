internal import Training

/// The steps of a training, which saves its states by itself, every so many steps.
struct TrainingWork: ResumableWork {
    let trainer: Trainer

    var totalSteps: Int { trainer.totalSteps }
    var stepsDone: Int { trainer.step }
    var isSavedByTime: Bool { false }

    func step() throws -> StepReport? { try trainer.takeStep() }

    func finish(_ step: StepReport) -> StepOutcome { StepOutcome(loss: step.loss) }

    func save() throws { try trainer.save() }
}
