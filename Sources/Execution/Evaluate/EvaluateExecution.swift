internal import Checkpoints
internal import DurableFiles
internal import Evaluation
internal import JobSpec
internal import Problems
internal import StrictJSON
internal import TensorCore

/// An evaluate job: bits per dimension of a model, the Frechet distance of pictures, and the report on them.
struct EvaluateExecution {
    private let job: EvaluateJob
    private let context: JobContext

    init(_ job: EvaluateJob, _ context: JobContext) {
        self.job = job
        self.context = context
    }

    func run() throws -> Ending {
        let resident = JobContext.residentMemory
        // What is wrong with either is told before hours of work on the other.
        let bound = try job.model.map { try BoundMeasurement(job, of: $0, context) }
        let distance = try job.samples.map { try DistanceMeasurement(job, of: $0, context) }
        try admit(bound, distance, beside: resident)
        let model = try bound?.loadModel()
        let extractor = try distance?.loadExtractor()
        let deciding =
            try [JobSpec.evaluate(job).json.line] + (bound?.deciding ?? []) + (distance?.deciding ?? [])
        let store = EvaluationStore(
            context.checkpoints,
            fingerprint: try SHA256.digest(of: Array(deciding.joined(separator: "\n").utf8)).description,
            in: context.files)

        let total = (bound?.plan.totalSteps ?? 0) + (distance?.totalSteps ?? 0)
        let done = try (bound?.stepsDone(in: store) ?? 0) + (distance?.stepsDone(in: store) ?? 0)
        var steps = SamplingSteps(total: total, done: done)
        if steps.before > 0 { context.log("resuming after step \(steps.before) of \(total)") }
        try context.event(
            "started", ["step": JSONNode(.integer(steps.before)), "total_steps": JSONNode(.integer(total))])
        try context.progress(steps.progress(), force: true)

        var report = EvaluationReport(title: job.common.name ?? "")
        if let bound, let model {
            guard let state = try bound.run(model, store, &steps) else { return .checkpointed }
            try bound.add(state, to: &report)
        }
        if let distance, let extractor {
            guard let statistics = try distance.run(extractor, store, &steps) else { return .checkpointed }
            try distance.add(statistics, to: &report)
        }
        try report.write(context)
        try context.progress(steps.progress(), force: true)
        try context.writeManifest(
            kind: .evaluate, seed: job.common.seed, stepsTaken: steps.done - steps.before,
            secondsTaken: steps.seconds, report.members)
        context.log("the report is in \(context.output(EvaluationReport.text))")
        return .succeeded(leftovers: [context.checkpoints])
    }

    /// Says how much memory the job will take, and ends it where it cannot have so much.
    private func admit(_ bound: BoundMeasurement?, _ distance: DistanceMeasurement?, beside resident: Int) throws {
        func tensors(_ batchSize: Int) -> Int {
            max(bound?.memory(batchSize: batchSize) ?? 0, distance?.memory(batchSize: batchSize) ?? 0)
        }
        try context.admit(tensors: tensors(job.batchSize), beside: resident, job.common) {
            var smaller: [SmallerJob] = []
            var size = job.batchSize
            while size > 1 {
                size /= 2
                smaller.append(SmallerJob(change: "batch_size \(size)", tensors: tensors(size)))
            }
            return smaller
        }
    }
}
