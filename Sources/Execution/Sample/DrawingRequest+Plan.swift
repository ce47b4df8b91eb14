internal import Checkpoints
internal import Configurations
internal import Diffusion
internal import JobSpec
internal import Media
internal import Models
internal import Problems
internal import Sampling

extension DrawingRequest {
    /// How a model samples what is requested.
    ///
    /// - Parameters:
    ///   - settings: the request's options for this model.
    ///   - shape: of the model's samples.
    ///   - codec: decodes those samples to images.
    ///   - texts: makes conditions of prompts, for a model that reads text.
    ///   - firstFrame: of each clip, for a model of video; nil: none is given.
    ///   - warn: receives what may go wrong, as a sentence.
    /// - Throws: what does not fit between the request and the model, with the job's key.
    func plan(
        _ settings: DrawingSettings, _ pipeline: Pipeline, _ shape: SampleShape, _ codec: SampleCodec,
        _ texts: TextConditions? = nil, firstFrame: Image? = nil, warn: (String) -> Void = { _ in }
    ) throws -> SamplingPlan {
        let model = pipeline.configuration
        let sampler = try pointing(to: "$.sampler") {
            // An image that is enlarged is not edited.
            try settings.sampler.sampler(strength: pipeline.text?.pipeline.family == .upscaler ? 1 : strength)
        }
        if pipeline.autoencoder == nil, shape.frame != nil,
            let reason = settings.sampler.saturation(with: pipeline.scheduler)
        {
            warn(reason)
        }
        let misfit =
            Compatibility.outputs(of: model, learnedVariance: sampler.takesVariance)
            ?? Compatibility.timesteps(sampler.steps.lazy.map(\.timestep), for: model)
            ?? (texts == nil
                ? Compatibility.labels(settings.classes, for: model)
                    ?? Compatibility.guidance(settings.guidanceScale, for: model) : nil)
        if let misfit { throw misfit.problem }
        var plan = SamplingPlan(
            sampler: sampler, sampleShape: shape.dimensions, count: count, batchSize: options.batchSize,
            condition: settings.classes.map { Condition(classes: $0) } ?? model.unconditional ?? .none)
        plan.guidance = guidance(settings, model.unconditional, pipeline.scheduler)
        if let texts, let prompts = settings.prompts, let size = codec.shape.frame?.size {
            // As in diffusers: only more than 1 leads away from something.
            let (condition, unconditional) = try texts.conditions(
                prompts, options.prompts, count: count, size: size, isGuided: settings.guidanceScale > 1)
            plan.condition = condition
            plan.guidance = unconditional.map { (guidance(settings, pipeline.scheduler), $0) }
        }
        if let clips = model.clips, case .video(let frames, _, _) = shape, let firstFrame {
            let conditioning = try GivenFrames.Conditioning(nil, clips, pipeline.scheduler)
            plan.editing = Editing(beginsWithNoise: true) { samples, device in
                let first = try codec.sample(of: firstFrame, on: device)
                let given = GivenFrames(
                    frames: [first] + [[Float]?](repeating: nil, count: frames - 1), conditioning: conditioning)
                return given.pictures(clips: samples.count, shape, on: device)
            }
        }
        if let edits {
            guard case .image(_, let channels) = codec.shape, channels == 1 || channels == 3 else {
                throw Problem(
                    .unsupported, "the model's samples are not pictures, grey or RGB",
                    remedy: "Use a model of pictures.",
                    path: "$.model")
            }
            plan.editing = edits.editing(codec, model, isLatent: texts != nil)
        }
        if let text = pipeline.text { try enlarge(&plan, text, model, shape) }
        return plan
    }

    /// Gives a model that enlarges images what it enlarges.
    private func enlarge(
        _ plan: inout SamplingPlan, _ text: TextParts, _ model: ModelConfiguration, _ shape: SampleShape
    ) throws {
        let enlarges = text.pipeline.family == .upscaler
        let joinsMask = !enlarges && model.joinedChannels > 0
        if let misfit = edits?.misfit(enlarges: enlarges, joinsMask: joinsMask) { throw misfit.problem }
        if joinsMask, edits == nil {
            throw Problem(
                .invalid, "the model fills what a mask leaves open of an image, but none is given",
                remedy: "Use a job of the kind img2img, with \"image\" and \"mask\".", path: "$.model")
        }
        guard enlarges else { return }
        guard let edits, let scheduler = text.lowResolutionScheduler, let size = shape.frame?.size else {
            throw Problem(
                .invalid, "the model enlarges images, but none is given",
                remedy: "Use a job of the kind img2img, with \"image\".", path: "$.model")
        }
        let schedule = try pointing(to: "$.model") { try NoiseSchedule(scheduler) }
        guard edits.noiseLevel < schedule.count else {
            throw Problem(
                .invalid, "noise_level is \(edits.noiseLevel), but the schedule has \(schedule.count) timesteps",
                remedy: "Lower it; 20 is usual.", path: "$.noise_level")
        }
        let level = NoiseLevel(
            signal: schedule.signal(edits.noiseLevel), noise: schedule.noise(edits.noiseLevel))
        plan.editing = edits.enlarging([size.height, size.width, 3], at: level)
        func told(_ conditions: @escaping SamplingPlan.Conditions) -> SamplingPlan.Conditions {
            let level = edits.noiseLevel
            return { samples in
                var condition = try conditions(samples)
                condition.classes = .numbers(samples.map { _ in level })
                return condition
            }
        }
        plan.condition = told(plan.condition)
        if let guidance = plan.guidance { plan.guidance = (guidance.0, told(guidance.unconditional)) }
    }

    private func guidance(
        _ settings: DrawingSettings, _ unconditional: Condition?, _ scheduler: SchedulerConfiguration
    ) -> (Guidance, unconditional: SamplingPlan.Conditions)? {
        guard settings.guidanceScale != 1, let unconditional else { return nil }
        return (guidance(settings, scheduler), { unconditional.repeated(for: $0) })
    }

    private func guidance(_ settings: DrawingSettings, _ scheduler: SchedulerConfiguration) -> Guidance {
        let last = Double(scheduler.numTrainTimesteps - 1)
        let interval = options.guidanceInterval
        return Guidance(
            scale: settings.guidanceScale, rescale: options.guidanceRescale,
            interval: interval[0] * last...interval[1] * last)
    }
}
