internal import Checkpoints
internal import Configurations
internal import Diffusion
internal import DurableFiles
internal import JobSpec
internal import Models
internal import Problems
internal import Sampling
internal import Spool
internal import StrictJSON
internal import TensorCore

/// A sample job: the model from its directory, the samples, and the files they are written to.
struct SampleExecution {
    private let job: SampleJob
    private let context: JobContext

    /// Between two steps of a long batch the state is saved at most this often.
    private static let saveInterval = Duration.seconds(20)

    init(_ job: SampleJob, _ context: JobContext) {
        self.job = job
        self.context = context
    }

    func run() throws -> Ending {
        let path = try context.models.directory(of: job.model, base: context.directory)
        let pipeline = try pointing(to: "$.model") { try PipelineDirectory(path) }
        for warning in pipeline.warnings { context.log("warning: \(warning)") }
        let sampler = try pointing(to: "$.sampler") { try job.sampler.sampler(for: pipeline.scheduler) }
        if let mismatch = pipeline.configuration.mismatch(with: pipeline.scheduler) {
            throw Problem(.unsupported, mismatch.message, remedy: mismatch.remedy, file: path)
        }
        let shape = try sampleShape(of: pipeline)
        try checkClasses(pipeline.configuration)
        let (digest, model) = try pointing(to: "$.model") {
            (try pipeline.weights().digest(), try pipeline.model(on: context.device))
        }
        let plan = SamplingPlan(
            sampler: sampler, sampleShape: shape.dimensions, count: job.count, batchSize: job.batchSize,
            classes: job.classLabels ?? pipeline.configuration.classConditioning.nullClass.map { [$0] })
        let outputs = try SampleOutputs(job, plan, shape, pipeline, modelDigest: digest, context)
        context.log("\(pipeline.configuration.className) from \(path)")
        return try draw(plan, model, outputs, modelDigest: digest)
    }

    private func draw(
        _ plan: SamplingPlan, _ model: any Denoiser, _ outputs: SampleOutputs, modelDigest: String
    ) throws -> Ending {
        let store = SamplingStateStore(
            Path.join(context.checkpoints, "sampling.safetensors"),
            fingerprint: try SHA256.digest(of: Array("\(modelDigest)\n\(JobSpec.sample(job).json.line)".utf8))
                .description,
            in: context.files)
        var run = SamplingRun(plan, model, from: try cursor(store, outputs), on: context.device)
        var steps = SamplingSteps(plan, done: run.cursor.stepsDone(plan))
        context.log(
            steps.before == 0
                ? "drawing \(plan.count) samples, \(plan.sampler.steps.count) steps each"
                : "resuming after step \(steps.before) of \(plan.totalSteps)")
        try context.event(
            "started", ["step": JSONNode(.integer(steps.before)), "total_steps": JSONNode(.integer(plan.totalSteps))])
        try context.progress(steps.progress(), force: true)

        let clock = ContinuousClock()
        var saved = clock.now
        func save() throws {
            // What the cursor counts as done is safe before it says so.
            try outputs.synchronize()
            try store.save(batch: run.cursor.batch, state: run.cursor.state, noise: run.cursor.noise)
            saved = clock.now
        }
        while true {
            if context.stop.wasMade {
                try save()
                return .checkpointed
            }
            guard let progress = steps.timed({ run.step() }) else { break }
            switch progress {
            case .step(let batch, let index, let x):
                try outputs.frame(batch: batch, index: index, x)
                if saved.duration(to: clock.now) > Self.saveInterval { try save() }
            case .finished(let batch, let x):
                try outputs.frame(batch: batch, index: plan.sampler.steps.count, x)
                try outputs.write(batch: batch, x)
                try save()
            }
            steps.note(done: run.cursor.stepsDone(plan))
            try context.progress(steps.progress(), force: steps.done == plan.totalSteps)
        }
        try outputs.finish()
        try context.writeManifest(
            kind: .sample, seed: job.common.seed, stepsTaken: steps.done - steps.before,
            secondsTaken: steps.seconds, outputs.manifest)
        context.log("\(plan.count) samples in \(context.outputs)")
        return .succeeded(leftovers: [context.checkpoints])
    }

    /// Where an earlier attempt stopped, if what it finished is still there; the beginning otherwise.
    private func cursor(_ store: SamplingStateStore, _ outputs: SampleOutputs) throws -> SamplingCursor {
        let saved = try store.load(on: context.device) { problem in context.log("warning: \(problem)") }
        guard let saved, try outputs.areThere(batches: saved.batch) else {
            let seed = UInt64(job.common.seed)
            return SamplingCursor(noise: job.randomSource == .torch ? .torch(seed: seed) : .philox(seed: seed))
        }
        return SamplingCursor(batch: saved.batch, state: saved.state, noise: saved.noise)
    }

    // MARK: - What only the model can tell

    private func sampleShape(of pipeline: PipelineDirectory) throws -> SampleShape {
        guard let shape = pipeline.configuration.sampleShape else {
            throw Problem(
                .invalid, "the model's config.json has no sample_size, so the size of its pictures is not known",
                remedy: "Add sample_size to the model's config.json.", file: pipeline.path, path: "$.model")
        }
        return shape
    }

    private func checkClasses(_ model: ModelConfiguration) throws {
        func fail(_ message: String, _ remedy: String) -> Problem {
            Problem(.invalid, message, remedy: remedy, path: "$.class_labels")
        }
        switch (model.classConditioning, job.classLabels) {
        case (.none, nil), (.timestep, .some): break
        case (.none, .some):
            throw fail("class_labels are given, but the model knows no classes", "Remove class_labels.")
        case (.vector, _):
            throw Problem(
                .unsupported, "the model takes class vectors (class_embed_type \"identity\"), which a job cannot give",
                remedy: "Use a model with num_class_embeds.", path: "$.model")
        // Without labels such a model draws from all classes.
        case (.table(_, null: .some), nil): break
        case (.table, nil), (.timestep, nil):
            throw fail("the model draws by class, but class_labels is not given", "Add class_labels, such as [0].")
        case (.table(let count, _), .some(let labels)):
            if let label = labels.first(where: { $0 >= count }) {
                throw fail("class label \(label) is out of range", "The model has the classes 0 to \(count - 1).")
            }
        }
    }
}

/// How many steps of a sampling are done, and how fast they are.
private struct SamplingSteps {
    let total: Int
    /// By earlier attempts.
    let before: Int
    private(set) var done: Int
    /// That this attempt's steps have taken.
    private(set) var seconds = 0.0
    private var meter: RateMeter
    private var rate: Double?

    init(_ plan: SamplingPlan, done: Int) {
        total = plan.totalSteps
        before = done
        self.done = done
        meter = RateMeter(step: done)
    }

    mutating func timed<Result>(_ step: () -> Result) -> Result {
        let began = ContinuousClock.now
        defer { seconds += began.duration(to: .now) / .seconds(1) }
        return step()
    }

    mutating func note(done: Int) {
        self.done = done
        rate = meter.note(step: done)
    }

    func progress() -> JobProgress {
        JobProgress(
            step: done, totalSteps: total, stepsPerSecond: rate, etaSeconds: rate.map { Double(total - done) / $0 })
    }
}
