internal import Checkpoints
internal import Configurations
internal import Diffusion
internal import DurableFiles
internal import JobSpec
internal import Media
internal import Models
internal import Problems
internal import Sampling
internal import Spool
internal import StrictJSON
internal import TensorCore

/// A video_extend job: the given clip, the frames that a model adds to it window by window, and the video of both.
struct VideoExtendExecution {
    private let job: VideoExtendJob
    private let context: JobContext

    /// Between two steps of a window the state is saved at most this often.
    private static let saveInterval = Duration.seconds(20)

    init(_ job: VideoExtendJob, _ context: JobContext) {
        self.job = job
        self.context = context
    }

    func run() throws -> Ending {
        let resident = JobContext.residentMemory
        let path = try context.models.directory(of: job.drawing.model)
        let pipeline = try pointing(to: "$.model") { try PipelineDirectory(path) }
        for warning in pipeline.warnings { context.log("warning: \(warning)") }
        let model = pipeline.configuration
        guard let traits = model.clips,
            case .video(_, let trained, let channels) = model.sampleShape
        else {
            throw Problem(
                .unsupported, "the model is a \(pipeline.configuration.className), which makes no video",
                remedy: "Use a model of the architecture \"video_dit\".", path: "$.model")
        }
        let autoencoder = pipeline.autoencoder
        let size = try job.size.map { try model.size(ofPixels: $0, autoencoder?.configuration) } ?? trained
        /// Of a window, as the model works on it.
        func shape(frames: Int) -> SampleShape { .video(frames: frames, size, channels: channels) }
        let clips = try GivenClips(
            job, shownAs: SampleCodec.shape(of: shape(frames: 1), autoencoder?.configuration), context)
        let extensionPlan = try ExtensionPlan(job, lengths: clips.clips.map(\.count), traits)
        let window = shape(frames: extensionPlan.windowLength)
        let codec = SampleCodec(
            window, try pointing(to: "$.model") { try autoencoder?.autoencoder(on: context.device) })
        var plan = try SampleExecution(job, windows: extensionPlan.windows.count, context).plan(pipeline, window, codec)
        let digest = try pointing(to: "$.model") { try pipeline.digest(with: autoencoder) }
        let fingerprint = try SHA256.digest(
            of: Array("\(digest)\n\(JobSpec.videoExtend(job).json.line)\n\(clips.digest)".utf8)
        ).description
        let frames = ExtendedFrames(
            extensionPlan, codec,
            latents: WindowStore(context.checkpoints, fingerprint: fingerprint, in: context.files), context)
        let conditioning = try GivenFrames.Conditioning(job.conditioning, traits, pipeline.scheduler)
        plan.editing = Editing(beginsWithNoise: true) { windows, device in
            // One window at a time: the next one's frames are not yet made.
            let given = try windows.map { try frames.given(window: $0, conditioning) }
            return given[0].pictures(clips: given.count, window, on: device)
        }
        try admit(
            plan,
            SamplingRehearsal(
                pipeline: pipeline, weights: job.drawing.weightsType.format, autoencoder: autoencoder?.configuration),
            clips, extensionPlan,
            window, beside: resident)
        let network = try pointing(to: "$.model") {
            try pipeline.model(on: context.device, keeping: job.drawing.weightsType.format)
        }
        let latents = codec.isLossy ? " of latents, with its \(AutoencoderKLConfiguration.classNames[0])," : ""
        context.log("\(pipeline.configuration.className)\(latents) from \(path)")
        try frames.begin(clips)
        let store = SamplingStateStore(
            Path.join(context.checkpoints, "sampling.safetensors"), fingerprint: fingerprint, in: context.files)
        guard let steps = try make(plan, network, frames, store) else { return .checkpointed }
        try finish(extensionPlan, frames, clips, pipeline, digest, steps)
        return .succeeded(leftovers: [context.checkpoints])
    }

    /// Says how much memory a window and the frames of the result will take, and ends the job where it cannot have so much.
    private func admit(
        _ plan: SamplingPlan, _ rehearsal: SamplingRehearsal, _ clips: GivenClips, _ extended: ExtensionPlan,
        _ window: SampleShape, beside resident: Int
    ) throws {
        // At the end all frames are there twice, the second time as they are written to the video.
        let frames = clips.bytes + 2 * extended.count * clips.frameBytes
        try context.admit(tensors: rehearsal.tensors(plan, window), beside: resident + frames, job.common) {
            guard job.direction != .between, case .video(let length, let size, let channels) = window,
                let model = rehearsal.pipeline.configuration.clips
            else { return [] }
            let context = extended.windows[0].known[0].count
            var smaller: [SmallerJob] = []
            var shorter = length / 2 / model.patchSizeT * model.patchSizeT
            while shorter > context {
                let shape = SampleShape.video(frames: shorter, size, channels: channels)
                var other = plan
                other.sampleShape = shape.dimensions
                smaller.append(
                    SmallerJob(change: "window_frames \(shorter)", tensors: try rehearsal.tensors(other, shape)))
                shorter = shorter / 2 / model.patchSizeT * model.patchSizeT
            }
            return smaller
        }
    }

    /// Makes the windows that are missing; nil when stopped.
    private func make(
        _ plan: SamplingPlan, _ model: any Denoiser, _ frames: ExtendedFrames, _ store: SamplingStateStore
    ) throws -> SamplingSteps? {
        var cursor = SamplingCursor(noise: .philox(seed: job.common.seed))
        if let saved = try store.load(on: context.device, damaged: { context.log("warning: \($0)") }),
            try frames.areThere(windows: saved.batch)
        {
            cursor = SamplingCursor(batch: saved.batch, state: saved.state, noise: saved.noise)
        }
        var run = SamplingRun(plan, model, from: cursor, on: context.device)
        var steps = SamplingSteps(total: plan.totalSteps, done: cursor.stepsDone(plan))
        context.log(
            steps.before == 0
                ? "\(plan.batchCount) windows of \(plan.sampleShape[0]) frames, \(plan.stepsPerBatch) steps each"
                : "resuming after step \(steps.before) of \(plan.totalSteps)")
        try context.event(
            "started", ["step": JSONNode(.integer(steps.before)), "total_steps": JSONNode(.integer(plan.totalSteps))])
        try context.progress(steps.progress(), force: true)
        let clock = ContinuousClock()
        var saved = clock.now
        while true {
            func save() throws {
                try store.save(batch: run.cursor.batch, state: run.cursor.state, noise: run.cursor.noise)
                saved = clock.now
            }
            if context.stop.wasMade {
                try save()
                return nil
            }
            guard let progress = try steps.timed({ try run.step() }) else { return steps }
            switch progress {
            case .step: if saved.duration(to: clock.now) > Self.saveInterval { try save() }
            case .finished(let window, let x):
                try frames.write(window: window, x)
                try save()
                try context.event(
                    "window", ["number": JSONNode(.integer(window)), "total": JSONNode(.integer(plan.batchCount))])
            }
            steps.note(done: run.cursor.stepsDone(plan))
            try context.progress(steps.progress(), force: steps.done == plan.totalSteps)
        }
    }

    /// Writes the video and what is known of it.
    private func finish(
        _ plan: ExtensionPlan, _ frames: ExtendedFrames, _ clips: GivenClips, _ pipeline: PipelineDirectory,
        _ digest: String, _ steps: SamplingSteps
    ) throws {
        let all = try frames.all()
        let file = ClipFile(job.output.video, clips.rate)
        if job.output.video != .png { try file.write(all, "video", context) }
        try context.write(PNG.encode(Filmstrip.picture([all])), to: context.output("strip.png"))
        try context.writeManifest(
            kind: .videoExtend, seed: job.common.seed, stepsTaken: steps.done - steps.before,
            secondsTaken: steps.seconds,
            [
                "model": [
                    "name": JSONNode(.string(job.drawing.model.description)), "path": JSONNode(.string(pipeline.path)),
                    "class": JSONNode(.string(pipeline.configuration.className)), "sha256": JSONNode(.string(digest)),
                ],
                "sampler": job.drawing.sampler.json,
                "video": job.output.video == .png ? .null : JSONNode(.string(file.name("video"))),
                "frames": JSONNode(.integer(plan.count)), "fps": JSONNode(.number(clips.rate.perSecond)),
                "given": JSONNode(
                    .array(
                        plan.given.map {
                            ["first": JSONNode(.integer($0.lowerBound)), "count": JSONNode(.integer($0.count))]
                        }
                    )),
                "windows": JSONNode(.integer(plan.windows.count)),
                "seams": JSONNode(.array(Seam.all(of: all, given: plan.given).map(\.json))),
            ])
        context.log("\(plan.count) frames in \(context.output(ExtendedFrames.directory))")
    }
}
