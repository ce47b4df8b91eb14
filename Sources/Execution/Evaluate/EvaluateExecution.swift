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
        // Faults of either are reported before hours of work on the other.
        let bound = try job.model.map { try BoundMeasurement(job, of: $0, context) }
        let distance = try job.samples.map { try DistanceMeasurement(job, of: $0, context) }
        guard try admit(bound, distance, beside: resident) else { return .examined }
        let model = try bound?.loadModel()
        let extractor = try distance?.loadExtractor()
        let deciding =
            try [JobSpec.evaluate(job).json.line] + (bound?.deciding ?? []) + (distance?.deciding ?? [])
        let store = EvaluationStore(
            context.checkpoints,
            fingerprint: try SHA256.digest(of: Array(deciding.joined(separator: "\n").utf8)).description,
            in: context.files)

        let measuring = try bound.flatMap { bound in try model.map { try bound.work($0, store) } }
        let extracting = try distance.flatMap { distance in try extractor.map { try distance.work($0, store) } }
        let loop = try StepLoop(
            context, total: (measuring?.totalSteps ?? 0) + (extracting?.totalSteps ?? 0),
            done: (measuring?.stepsDone ?? 0) + (extracting?.stepsDone ?? 0), beginning: nil)

        var report = EvaluationReport(title: job.common.name ?? "")
        if let bound, var work = measuring {
            guard try loop.run(&work) else { return .checkpointed }
            try bound.add(work.state, to: &report)
        }
        if let distance, let extractor, var work = extracting {
            guard try loop.run(&work) else { return .checkpointed }
            try distance.add(try distance.statistics(extractor.kind, store), to: &report)
        }
        try report.write(context)
        try context.writeManifest(kind: .evaluate, seed: job.common.seed, loop, report.members)
        context.log("the report is in \(context.output(EvaluationReport.text))")
        return .succeeded(leftovers: [context.checkpoints])
    }

    /// Says how much memory the job will take, and ends it where it cannot have so much.
    private func admit(_ bound: BoundMeasurement?, _ distance: DistanceMeasurement?, beside resident: Int) throws
        -> Bool
    {
        func tensors(_ batchSize: Int) -> Int {
            max(bound?.memory(batchSize: batchSize) ?? 0, distance?.memory(batchSize: batchSize) ?? 0)
        }
        return try context.admit(tensors: tensors(job.batchSize), beside: resident, job.common) {
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
