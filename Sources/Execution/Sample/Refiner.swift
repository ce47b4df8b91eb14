internal import Checkpoints
internal import Configurations
internal import Diffusion
internal import JobSpec
internal import Models
internal import Problems
internal import Sampling
internal import TensorCore

/// A second model that takes the last steps of a job's samplings (Podell et al. 2023, section 2.5).
struct Refiner {
    let pipeline: Pipeline
    let texts: TextConditions
    private let text: TextParts

    /// - Returns: nil where the job names none.
    /// - Throws: what is wrong with it, and where it does not fit the model whose samplings it ends.
    init?(
        _ options: DrawingOptions, after model: Pipeline, _ additions: ModelAdditions, by digest: WeightDigests,
        _ context: JobContext
    ) throws {
        guard let reference = options.refiner else { return nil }
        let role = JobInput.Role.refiner
        pipeline = try context.open(reference, as: role)
        func unfit(_ message: String) -> Problem {
            Problem(.invalid, message, remedy: "Use the refiner that belongs to the model.", path: role.jsonPath)
        }
        guard let text = pipeline.text, pipeline.configuration.joinedChannels == 0 else {
            throw unfit("the refiner is a \(pipeline.configuration.className) that reads no text or wants an image")
        }
        guard pipeline.configuration.channels == model.configuration.channels,
            pipeline.autoencoder?.configuration.scalingFactor == model.autoencoder?.configuration.scalingFactor
        else {
            throw unfit("the refiner works on other latents than the model")
        }
        // LoRAs are for the model alone: none fits both.
        self.text = try additions.adding(to: text)
        texts = try TextConditions(self.text, additions, by: digest, context)
    }

    /// Lets the refiner take the last steps of a plan.
    ///
    /// - Parameter size: of the images in pixels.
    func refine(
        _ plan: inout SamplingPlan, _ request: DrawingRequest, _ settings: DrawingSettings, size: ImageSize
    ) throws {
        guard let prompts = settings.prompts else { return }
        let own = try pointing(to: JobInput.Role.refiner.jsonPath) {
            try SettledSampler(
                request.options.sampler,
                usual: UsualSampler(pipeline.schedulerClass, steps: settings.sampler.options.steps ?? 50),
                over: pipeline.scheduler)
        }
        let total = Double(pipeline.scheduler.numTrainTimesteps)
        let last = (total - request.options.switchAt * total).rounded(.toNearestOrEven)
        let all = try own.name.sampler(over: own.scheduler, steps: own.options.steps, eta: own.options.eta).steps
        let skipped = all.prefix { $0.timestep >= last }.count
        let start = plan.sampler.steps.prefix { $0.timestep >= last }.count
        guard start > 0, skipped < all.count else {
            throw Problem(
                .invalid, "switch_at \(request.options.switchAt) leaves the \(start > 0 ? "refiner" : "model") no step",
                remedy: "Use more steps, or another switch_at.", path: "$.switch_at")
        }
        let (condition, unconditional) = try texts.conditions(
            prompts, request.options.prompts, count: plan.count, size: size, isGuided: settings.guidanceScale > 1)
        let guidance = plan.guidance?.0
        plan.refinement = SamplingPlan.Refinement(
            after: start,
            sampler: try own.name.sampler(
                over: own.scheduler, steps: own.options.steps, eta: own.options.eta, skipping: skipped),
            condition: condition,
            guidance: guidance.flatMap { guidance in unconditional.map { (guidance, $0) } })
    }

    /// The networks as some of those that take turns in memory.
    func components(
        of phases: Phases, on device: Device, keeping format: HalfTensor.Format?
    ) throws -> (denoiser: Component<any Denoiser>, encoders: [Component<any TextEncoder>]) {
        try pointing(to: JobInput.Role.refiner.jsonPath) {
            (
                try pipeline.component(of: phases, on: device, keeping: format),
                try text.encoders.map { try $0.component(of: phases, on: device) }
            )
        }
    }
}
