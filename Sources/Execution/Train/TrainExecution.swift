internal import Checkpoints
internal import Configurations
internal import Datasets
internal import DurableFiles
internal import JobSpec
internal import NeuralNet
internal import Problems
internal import Spool
internal import StrictJSON
internal import Training

/// A train job: the course from opened data to the published model, whatever is trained.
struct TrainExecution<Subject: TrainingSubject> {
    private let subject: Subject
    private let context: JobContext

    init(_ subject: Subject, _ context: JobContext) {
        self.subject = subject
        self.context = context
    }

    private var job: Subject.Job { subject.job }

    func run() throws -> Ending {
        let plan = try plan()
        guard try admit(plan) else { return .examined }
        let task = try subject.task(on: context.device)
        let parameterCount = subject.groups(of: task).map(\.parameterCount).reduce(0, +)
        context.log(
            "\(subject.className) with \(parameterCount) parameters, \(subject.dataset.trainingCount) training samples")
        if let forecast = subject.forecast { context.log(forecast) }
        let reporter = TrainingReporter(context)
        let trainer = try Trainer(
            task, subject.groups(of: task), dataset: subject.dataset, plan: plan, store: states(of: task),
            preview: { try subject.preview(task, step: $0) }, report: reporter.report,
            checkStop: context.stop.check)
        try context.admitOnDisk("a saved state of the training", size: trainer.stateSize)
        var work = TrainingWork(trainer: trainer)
        let loop = try StepLoop(
            context, total: work.totalSteps, done: work.stepsDone,
            beginning: "training for \(work.totalSteps.of("step"))")
        try trainer.begin()
        guard try loop.run(&work) else { return .checkpointed }
        try publish(task, trainer)
        try PreviewFiles(context).animate()
        try LossCurves(trainer.record).write(title: job.common.name ?? "", context)
        try writeManifest(task, trainer, loop)
        return .succeeded()
    }

    // MARK: - Before the first step

    private func plan() throws -> TrainingPlan {
        let (training, seed) = (job.training, job.common.seed)
        if let steps = training.steps { return training.plan(steps: steps, seed: seed) }
        guard let epochs = training.epochs else {
            throw Problem(
                .invalid, "nothing says how long to train", remedy: "Add steps or epochs.", path: "$.training")
        }
        let batches = subject.dataset.trainingBatches(
            seed: seed, size: training.batchSize, perStep: training.gradientAccumulationSteps, on: context.device)
        return training.plan(steps: batches.steps(epochs: epochs), seed: seed)
    }

    /// Says how much memory the training will take, and ends it where it cannot have so much.
    private func admit(_ plan: TrainingPlan) throws -> Bool {
        func tensors(_ plan: TrainingPlan) throws -> Int {
            let device = Worker.rehearsalDevice()
            let task = try subject.task(on: device)
            return try Trainer.rehearse(
                task, subject.groups(of: task), plan, shape: subject.dataset.shape.dimensions,
                condition: subject.blankCondition(on: device), caption: subject.encodesCaptions ? 0 : nil,
                preview: subject.rehearsePreview)
        }
        return try context.admit(tensors: tensors(plan), beside: JobContext.residentMemory, job.common) {
            var smaller: [SmallerJob] = []
            var other = plan
            if !plan.gradientCheckpointing {
                other.gradientCheckpointing = true
                smaller.append(SmallerJob(change: "training.gradient_checkpointing", tensors: try tensors(other)))
            }
            while other.batchSize > 1 {
                other.batchSize /= 2
                let accumulation = other.accumulation * plan.batchSize / other.batchSize
                var change = "training.batch_size \(other.batchSize), gradient_accumulation_steps \(accumulation)"
                if other.gradientCheckpointing { change += " and gradient_checkpointing" }
                smaller.append(SmallerJob(change: change, tensors: try tensors(other)))
            }
            return smaller
        }
    }

    private func states(of task: Subject.Task) throws -> TrainingStateStore {
        let deciding = subject.deciding(task).joined(separator: "\n")
        return TrainingStateStore(
            context.checkpoints, fingerprint: try SHA256.digest(of: Array(deciding.utf8)).description,
            keep: job.training.keepCheckpoints, in: context.files)
    }

    // MARK: - After the last step

    private func publish(_ task: Subject.Task, _ trainer: Trainer) throws {
        let path = Path.join(context.directory, JobFiles.model)
        try trainer.withPublishedWeights { try subject.publish(task, at: path) }
        if job.training.saveRawWeights { try subject.publishVariant("non_ema", of: task, at: path) }
        context.log("the model is in \(path)")
        try context.event("model", ["directory": JSONNode(.string(JobFiles.model))])
    }

    private func writeManifest(_ task: Subject.Task, _ trainer: Trainer, _ loop: StepLoop) throws {
        let record = trainer.record
        func last(_ curves: [TrainingRecord.Curve]) -> JSONNode {
            curves.first?.points.last.map { JSONNode(.number($0.loss)) } ?? .null
        }
        let members: [JSONNode.Member] =
            subject.manifest(task).map { .init($0.key, $0.value) } + [
                .init("training_samples", JSONNode(.integer(subject.dataset.trainingCount))),
                .init("steps", JSONNode(.integer(trainer.step))),
                .init("final_loss", last(record.losses)),
                .init("final_validation_loss", last(record.validationLosses)),
                .init("recoveries", JSONNode(.integer(record.recoveries))),
            ]
        try context.writeManifest(kind: .train, seed: job.common.seed, loop, members)
    }
}
