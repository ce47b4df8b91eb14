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

    init(_ job: VideoExtendJob, _ context: JobContext) {
        self.job = job
        self.context = context
    }

    func run() throws -> Ending {
        let resident = JobContext.residentMemory
        let pipeline = try context.open(job.drawing.model, variant: job.drawing.variant)
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
        let phases = Phases(on: context.device)
        let codec = SampleCodec(
            window,
            try autoencoder.map { directory in
                try pointing(to: "$.model") {
                    (directory.configuration, try directory.component(of: phases, on: context.device))
                }
            }, stop: context.stop)
        let request = DrawingRequest(job, windows: extensionPlan.windows.count)
        let settings = try DrawingSettings(request.options, pipeline, context)
        var plan = try request.plan(settings, pipeline, window, codec)
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
        let isAdmitted = try admit(
            plan,
            SamplingRehearsal(
                pipeline: pipeline, weights: job.drawing.weightsType.format, autoencoder: autoencoder?.configuration),
            clips, extensionPlan,
            window, beside: resident)
        guard isAdmitted else { return .examined }
        let network = try pointing(to: "$.model") {
            try pipeline.component(of: phases, on: context.device, keeping: job.drawing.weightsType.format)
        }
        let latents = codec.isLossy ? " of latents, with its \(AutoencoderKLConfiguration.classNames[0])," : ""
        context.log("\(pipeline.configuration.className)\(latents) from \(pipeline.path)")
        try frames.begin(clips)
        let store = SamplingStateStore(
            Path.join(context.checkpoints, "sampling.safetensors"), fingerprint: fingerprint, in: context.files)
        var drawing = Drawing()
        drawing.append(request, settings, plan)
        var work = try SamplingWork(drawing, network, frames, store, context)
        let loop = try StepLoop(
            context, total: work.totalSteps, done: work.stepsDone,
            beginning: "\(plan.batchCount.of("window")) of \(plan.sampleShape[0].of("frame")), "
                + "\(plan.stepsPerBatch.of("step")) each")
        guard try loop.run(&work) else { return .checkpointed }
        try finish(extensionPlan, frames, clips, pipeline, settings, digest, loop)
        return .succeeded(leftovers: [context.checkpoints])
    }

    /// Says how much memory a window and the frames of the result will take, and ends the job where it cannot have so much.
    private func admit(
        _ plan: SamplingPlan, _ rehearsal: SamplingRehearsal, _ clips: GivenClips, _ extended: ExtensionPlan,
        _ window: SampleShape, beside resident: Int
    ) throws -> Bool {
        // At the end all frames are there twice, the second time as they are written to the video.
        let frames = clips.bytes + 2 * extended.count * clips.frameBytes
        let cost = try rehearsal.cost(plan, window)
        context.examination?.note(
            steps: plan.batchCount * plan.stepsPerBatch, work: cost.work, on: context.device)
        return try context.admit(tensors: cost.memory, beside: resident + frames, job.common) {
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
                    SmallerJob(change: "window_frames \(shorter)", tensors: try rehearsal.cost(other, shape).memory))
                shorter = shorter / 2 / model.patchSizeT * model.patchSizeT
            }
            return smaller
        }
    }

    /// Writes the video and what is known of it.
    private func finish(
        _ plan: ExtensionPlan, _ frames: ExtendedFrames, _ clips: GivenClips, _ pipeline: Pipeline,
        _ settings: DrawingSettings, _ digest: String, _ loop: StepLoop
    ) throws {
        let all = try frames.all()
        let file = ClipFile(job.output.video, clips.rate)
        let times = plan.times(of: clips.times, rate: clips.rate)
        if job.output.video != .png { try file.write(all, "video", times: times, context) }
        try context.write(PNG.encode(Filmstrip.picture([all])), to: context.output("strip.png"))
        try context.writeManifest(
            kind: .videoExtend, seed: job.common.seed, loop,
            [
                "model": [
                    "name": JSONNode(.string(job.drawing.model.description)), "path": JSONNode(.string(pipeline.path)),
                    "class": JSONNode(.string(pipeline.configuration.className)), "sha256": JSONNode(.string(digest)),
                ],
                "sampler": settings.sampler.options.json,
                "video": job.output.video == .png ? .null : JSONNode(.string(file.name("video"))),
                "frames": JSONNode(.integer(plan.count)), "fps": JSONNode(.number(clips.rate.perSecond)),
                "given": JSONNode(
                    .array(
                        plan.given.map {
                            ["first": JSONNode(.integer($0.lowerBound)), "count": JSONNode(.integer($0.count))]
                        }
                    )),
                "times": times.map { JSONNode(.array($0.starts.map { JSONNode(.number(Double($0) / 1e6)) })) } ?? .null,
                "windows": JSONNode(.integer(plan.windows.count)),
                "seams": JSONNode(.array(Seam.all(of: all, given: plan.given).map(\.json))),
            ])
        context.log("\(plan.count) frames in \(context.output(ExtendedFrames.directory))")
    }
}
