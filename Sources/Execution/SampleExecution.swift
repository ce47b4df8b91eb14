internal import Checkpoints
internal import Configurations
internal import Diffusion
internal import DurableFiles
internal import JobSpec
internal import Media
internal import Models
internal import NeuralNet
internal import Problems
internal import Sampling
internal import Spool
internal import StrictJSON
internal import TensorCore

/// A sample or img2img job: the model from its directory, the samples, and the files they are written to.
struct SampleExecution {
    private let spec: JobSpec
    private let context: JobContext
    private let requests: [DrawingRequest]
    private let sweep: Sweep?

    /// Between two steps of a long batch the state is saved at most this often.
    private static let saveInterval = Duration.seconds(20)

    init(_ job: SampleJob, _ context: JobContext) throws {
        spec = .sample(job)
        self.context = context
        requests = try job.cells()?.map { DrawingRequest($0) } ?? [DrawingRequest(job)]
        sweep = job.sweep
    }

    init(_ job: Img2ImgJob, _ context: JobContext) throws {
        spec = .img2img(job)
        self.context = context
        requests = [DrawingRequest(job, try EditedPictures(job, context))]
        sweep = nil
    }

    /// For the plan alone: a video_extend job draws window by window.
    init(_ job: VideoExtendJob, windows: Int, _ context: JobContext) {
        spec = .videoExtend(job)
        self.context = context
        requests = [DrawingRequest(job, windows: windows)]
        sweep = nil
    }

    func run() throws -> Ending {
        let resident = JobContext.residentMemory
        let model = requests[0].options.model
        let path = try context.models.directory(of: model)
        let pipeline = try pointing(to: "$.model") { try PipelineDirectory(path) }
        for warning in pipeline.warnings { context.log("warning: \(warning)") }
        if let misfit = pipeline.configuration.network.misfit(with: pipeline.scheduler) {
            throw Problem(.unsupported, misfit.message, remedy: misfit.remedy, file: path)
        }
        let autoencoder = try self.autoencoder(of: pipeline)
        let shape = try sampleShape(of: pipeline, autoencoder?.configuration)
        let codec = SampleCodec(
            shape, try pointing(to: "$.model") { try autoencoder?.autoencoder(on: context.device) })
        var drawing = Drawing()
        for request in requests { drawing.append(request, try plan(request, pipeline, shape, codec)) }
        try requests[0].edits?.check()
        try admit(
            drawing,
            SamplingRehearsal(
                pipeline: pipeline, weights: requests[0].options.weightsType.format,
                autoencoder: autoencoder?.configuration), shape,
            beside: resident)
        let (digest, network) = try pointing(to: "$.model") {
            (
                try pipeline.digest(with: autoencoder),
                try pipeline.model(on: context.device, keeping: requests[0].options.weightsType.format)
            )
        }
        if requests[0].options.output.video != nil, pipeline.configuration.clips == nil {
            throw Problem(
                .invalid, "output.video is given, but the model makes no video", remedy: "Remove it.",
                path: "$.output.video")
        }
        let outputs = try SampleOutputs(
            drawing, sweep: sweep, codec, pipeline, modelDigest: digest, firstFrame: try firstFrame(codec), context)
        let latents = codec.isLossy ? " of latents, with its \(AutoencoderKLConfiguration.classNames[0])," : ""
        context.log("\(pipeline.configuration.className)\(latents) from \(path)")
        return try draw(drawing, network, outputs, modelDigest: digest)
    }

    private func draw(
        _ drawing: Drawing, _ model: any Denoiser, _ outputs: SampleOutputs, modelDigest: String
    ) throws -> Ending {
        let store = SamplingStateStore(
            Path.join(context.checkpoints, "sampling.safetensors"), fingerprint: try fingerprint(modelDigest),
            in: context.files)
        var (part, cursor) = try start(store, drawing, outputs)
        var steps = SamplingSteps(total: drawing.totalSteps, done: part.firstStep + cursor.stepsDone(part.plan))
        context.log(
            steps.before == 0
                ? "drawing \(drawing.sampleCount) samples, \(part.plan.stepsPerBatch) steps each"
                : "resuming after step \(steps.before) of \(drawing.totalSteps)")
        try context.event(
            "started",
            ["step": JSONNode(.integer(steps.before)), "total_steps": JSONNode(.integer(drawing.totalSteps))])
        try context.progress(steps.progress(), force: true)

        let clock = ContinuousClock()
        var saved = clock.now
        while true {
            var run = SamplingRun(part.plan, model, from: cursor, on: context.device)
            func save() throws {
                // What the cursor counts as done is safe before it says so.
                try outputs.synchronize()
                try store.save(
                    batch: part.firstBatch + run.cursor.batch, state: run.cursor.state, noise: run.cursor.noise)
                saved = clock.now
            }
            while true {
                if context.stop.wasMade {
                    try save()
                    return .checkpointed
                }
                guard let progress = try steps.timed({ try run.step() }) else { break }
                switch progress {
                case .step(let batch, let index, let x):
                    try outputs.frame(batch: part.firstBatch + batch, index: index, x)
                    if saved.duration(to: clock.now) > Self.saveInterval { try save() }
                case .finished(let batch, let x):
                    try outputs.frame(batch: part.firstBatch + batch, index: part.plan.stepsPerBatch, x)
                    try outputs.write(batch: part.firstBatch + batch, x)
                    try save()
                }
                steps.note(done: part.firstStep + run.cursor.stepsDone(part.plan))
                try context.progress(steps.progress(), force: steps.done == drawing.totalSteps)
            }
            let next = part.firstBatch + part.plan.batchCount
            guard next < drawing.batchCount else { break }
            part = drawing.part(ofBatch: next)
            cursor = SamplingCursor(noise: part.request.noise)
        }
        try outputs.finish()
        try context.writeManifest(
            kind: spec.kind, seed: spec.common.seed, stepsTaken: steps.done - steps.before,
            secondsTaken: steps.seconds, outputs.manifest)
        context.log("\(drawing.sampleCount) samples in \(context.outputs)")
        return .succeeded(leftovers: [context.checkpoints])
    }

    /// What saved states must belong to: everything that decides the samples.
    private func fingerprint(_ modelDigest: String) throws -> String {
        var parts = [modelDigest, spec.json.line]
        let files = (requests[0].edits?.files ?? []) + (try firstFramePath().map { [$0] } ?? [])
        for path in files { parts.append(try SHA256.digest(ofFile: path).description) }
        return try SHA256.digest(of: Array(parts.joined(separator: "\n").utf8)).description
    }

    /// Where an earlier attempt stopped, if what it finished is still there; the beginning otherwise.
    private func start(
        _ store: SamplingStateStore, _ drawing: Drawing, _ outputs: SampleOutputs
    ) throws -> (Drawing.Part, SamplingCursor) {
        let saved = try store.load(on: context.device) { problem in context.log("warning: \(problem)") }
        guard let saved, try outputs.areThere(batches: saved.batch) else {
            return (drawing.parts[0], SamplingCursor(noise: drawing.parts[0].request.noise))
        }
        let part = drawing.part(ofBatch: saved.batch)
        let batch = saved.batch - part.firstBatch
        // The state at the end of one part says nothing of the next one's noise.
        let isFresh = batch == 0 && saved.state == nil
        return (
            part,
            SamplingCursor(batch: batch, state: saved.state, noise: isFresh ? part.request.noise : saved.noise)
        )
    }

    /// Says how much memory the largest batch will take, and ends the job where it cannot have so much.
    private func admit(
        _ drawing: Drawing, _ rehearsal: SamplingRehearsal, _ shape: SampleShape, beside resident: Int
    ) throws {
        let plans = drawing.parts.map(\.plan)
        let passes = plans.map { min($0.count, $0.batchSize) * ($0.guidance == nil ? 1 : 2) }
        guard let largest = passes.indices.max(by: { passes[$0] < passes[$1] }) else { return }
        let plan = plans[largest]
        try context.admit(tensors: rehearsal.tensors(plan, shape), beside: resident, spec.common) {
            var smaller: [SmallerJob] = []
            var other = plan
            other.batchSize = min(plan.count, plan.batchSize)
            while other.batchSize > 1 {
                other.batchSize /= 2
                smaller.append(
                    SmallerJob(change: "batch_size \(other.batchSize)", tensors: try rehearsal.tensors(other, shape)))
            }
            return smaller
        }
    }

    // MARK: - What only the model can tell

    /// The plan of the first request, with a model that has been read.
    func plan(_ pipeline: PipelineDirectory, _ shape: SampleShape, _ codec: SampleCodec) throws -> SamplingPlan {
        try plan(requests[0], pipeline, shape, codec)
    }

    private func plan(
        _ request: DrawingRequest, _ pipeline: PipelineDirectory, _ shape: SampleShape, _ codec: SampleCodec
    ) throws -> SamplingPlan {
        let (options, model) = (request.options, pipeline.configuration)
        let sampler = try pointing(to: "$.sampler") {
            try options.sampler.sampler(for: pipeline.scheduler, strength: request.strength)
        }
        let misfit =
            Compatibility.outputs(of: model, learnedVariance: sampler.takesVariance)
            ?? Compatibility.timesteps(sampler.steps.lazy.map(\.timestep), for: model)
            ?? Compatibility.labels(options.classLabels, for: model)
            ?? Compatibility.guidance(options.guidanceScale, for: model)
        if let misfit { throw misfit.problem }
        var plan = SamplingPlan(
            sampler: sampler, sampleShape: shape.dimensions, count: request.count, batchSize: options.batchSize,
            condition: options.classLabels.map { Condition(classes: $0) } ?? model.unconditional ?? .none)
        plan.guidance = guidance(options, model, pipeline.scheduler)
        if let clips = model.clips, case .video(let frames, _, _) = shape, let first = try firstFrame(codec) {
            let conditioning = try GivenFrames.Conditioning(nil, clips, pipeline.scheduler)
            plan.editing = Editing(beginsWithNoise: true) { samples, device in
                let given = GivenFrames(
                    frames: [codec.sample(of: first, on: device)] + [[Float]?](repeating: nil, count: frames - 1),
                    conditioning: conditioning)
                return given.pictures(clips: samples.count, shape, on: device)
            }
        }
        if let edits = request.edits {
            guard case .image(_, let channels) = codec.shape, channels == 1 || channels == 3 else {
                throw Problem(
                    .unsupported, "the model's samples are not pictures, grey or RGB",
                    remedy: "Use a model of pictures.",
                    path: "$.model")
            }
            plan.editing = edits.editing(codec)
        }
        return plan
    }

    /// The model's autoencoder, or the one that the job names in its place.
    private func autoencoder(of pipeline: PipelineDirectory) throws -> AutoencoderDirectory? {
        guard let reference = requests[0].options.autoencoder else { return pipeline.autoencoder }
        let role = JobInput.Role.autoencoder
        let path = try context.models.directory(of: reference, as: role)
        let directory = try pointing(to: role.jsonPath) { try AutoencoderDirectory(path) }
        for warning in directory.warnings { context.log("warning: \(warning)") }
        if var misfit = Compatibility.latents(of: directory.configuration, for: pipeline.configuration) {
            misfit.key = String(role.jsonPath.dropFirst(2))
            misfit.remedy = "Name the autoencoder that the model was trained with, or one like it."
            throw misfit.problem
        }
        return directory
    }

    private func sampleShape(
        of pipeline: PipelineDirectory, _ autoencoder: AutoencoderKLConfiguration?
    ) throws -> SampleShape {
        guard let shape = pipeline.configuration.sampleShape else {
            throw Problem(
                .invalid, "the model's config.json has no sample_size, so the size of its pictures is not known",
                remedy: "Add sample_size to the model's config.json.", file: pipeline.path, path: "$.model")
        }
        if sweep != nil, shape.isImage == false {
            throw Problem(
                .unsupported, "the model draws no pictures, which a sweep's grid shows",
                remedy: "Use a model of pictures, or a job for each value.", path: "$.sweep")
        }
        return try requests[0].clip.shape(of: pipeline.configuration, shape, autoencoder)
    }

    /// The first frame of each clip, where one is given, at the size of what is shown.
    private func firstFrame(_ codec: SampleCodec) throws -> Image? {
        guard let path = try firstFramePath(), let (size, channels) = codec.shape.frame else { return nil }
        return try pointing(to: JobInput.Role.image.jsonPath) {
            try ImageFile.read(path).converted(toChannels: channels).centreFitted(
                width: size.width, height: size.height)
        }
    }

    private func firstFramePath() throws -> String? {
        try requests[0].clip.image.map { image in
            try pointing(to: JobInput.Role.image.jsonPath) { try context.permitted(image) }
        }
    }

    private func guidance(
        _ options: DrawingOptions, _ model: ModelConfiguration, _ scheduler: SchedulerConfiguration
    ) -> (Guidance, unconditional: Condition)? {
        guard options.guidanceScale != 1, let unconditional = model.unconditional else { return nil }
        let last = Double(scheduler.numTrainTimesteps - 1)
        let interval = options.guidanceInterval
        return (
            Guidance(
                scale: options.guidanceScale, rescale: options.guidanceRescale,
                interval: interval[0] * last...interval[1] * last), unconditional
        )
    }
}

/// How many steps of a sampling are done, and how fast they are.
struct SamplingSteps {
    let total: Int
    /// By earlier attempts.
    let before: Int
    private(set) var done: Int
    /// That this attempt's steps have taken.
    private(set) var seconds = 0.0
    private var meter: RateMeter
    private var rate: Double?

    init(total: Int, done: Int) {
        self.total = total
        before = done
        self.done = done
        meter = RateMeter(step: done)
    }

    mutating func timed<Result>(_ step: () throws -> Result) rethrows -> Result {
        let began = ContinuousClock.now
        defer { seconds += began.duration(to: .now) / .seconds(1) }
        return try step()
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
