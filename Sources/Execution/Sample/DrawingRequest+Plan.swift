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
    ///   - shape: of the model's samples.
    ///   - codec: decodes those samples to images.
    ///   - firstFrame: of each clip, for a model of video; nil: none is given.
    /// - Throws: what does not fit between the request and the model, with the job's key.
    func plan(
        _ pipeline: Pipeline, _ shape: SampleShape, _ codec: SampleCodec, firstFrame: Image? = nil
    ) throws -> SamplingPlan {
        let model = pipeline.configuration
        let sampler = try pointing(to: "$.sampler") {
            try options.sampler.sampler(for: pipeline.scheduler, strength: strength)
        }
        let misfit =
            Compatibility.text(for: model)
            ?? Compatibility.outputs(of: model, learnedVariance: sampler.takesVariance)
            ?? Compatibility.timesteps(sampler.steps.lazy.map(\.timestep), for: model)
            ?? Compatibility.labels(options.classLabels, for: model)
            ?? Compatibility.guidance(options.guidanceScale, for: model)
        if let misfit { throw misfit.problem }
        var plan = SamplingPlan(
            sampler: sampler, sampleShape: shape.dimensions, count: count, batchSize: options.batchSize,
            condition: options.classLabels.map { Condition(classes: $0) } ?? model.unconditional ?? .none)
        plan.guidance = guidance(options, model, pipeline.scheduler)
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
            plan.editing = edits.editing(codec)
        }
        return plan
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
