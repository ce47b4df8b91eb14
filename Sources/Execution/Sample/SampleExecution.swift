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

    private var options: DrawingOptions { requests[0].options }

    func run() throws -> Ending {
        let resident = JobContext.residentMemory
        let additions = try ModelAdditions(options.prompts, context)
        let pipeline = try additions.adding(
            to: context.open(
                options.model, variant: options.variant, predictionType: options.predictionType,
                needsAutoencoder: options.autoencoder == nil))
        let weightDigests = WeightDigests()
        let autoencoder = try self.autoencoder(of: pipeline)
        let shape = try sampleShape(of: pipeline, autoencoder?.configuration)
        let phases = Phases(on: context.device)
        let codec = SampleCodec(
            shape,
            try autoencoder.map { part in
                try pointing(to: "$.model") { (part.configuration, try part.component(of: phases, on: context.device)) }
            }, stop: context.stop)
        let text = try pipeline.text.map { try additions.adding(to: $0) }
        let texts = try pointing(to: "$.model") {
            try text.map { try TextConditions($0, additions, by: weightDigests, context) }
        }
        let refiner = try Refiner(options, after: pipeline, additions, by: weightDigests, context)
        var drawing = Drawing()
        let firstFrame = try firstFrame(codec)
        for request in requests {
            let settings = try DrawingSettings(request.options, pipeline, context)
            var plan = try request.plan(settings, pipeline, shape, codec, texts, firstFrame: firstFrame) {
                context.log("warning: \($0)")
            }
            if let size = codec.shape.frame?.size { try refiner?.refine(&plan, request, settings, size: size) }
            drawing.append(request, settings, plan)
        }
        try requests[0].edits?.check(stop: context.stop) { context.log("note: \($0)") }
        let format = options.weightsType.format
        var rehearsals = [
            SamplingRehearsal(
                pipeline: pipeline, weights: format, autoencoder: autoencoder?.configuration, texts: texts)
        ]
        if let refiner {
            rehearsals.append(SamplingRehearsal(pipeline: refiner.pipeline, weights: format, texts: refiner.texts))
        }
        guard try admit(drawing, rehearsals, shape, beside: resident) else { return .examined }
        let (digest, network, encoders) = try pointing(to: "$.model") {
            (
                try pipeline.digest(with: autoencoder, by: weightDigests),
                try pipeline.component(of: phases, on: context.device, keeping: format),
                try text?.encoders.map { try $0.component(of: phases, on: context.device) } ?? []
            )
        }
        let refining = try refiner?.components(of: phases, on: context.device, keeping: format)
        if options.output.video != nil, pipeline.configuration.clips == nil {
            throw Problem(
                .invalid, "output.video is given, but the model makes no video", remedy: "Remove it.",
                path: "$.output.video")
        }
        let outputs = try SampleOutputs(
            drawing, sweep: sweep, codec, pipeline, additions, texts, modelDigest: digest, firstFrame: firstFrame,
            context)
        let latents = codec.isLossy ? " of latents, with its \(AutoencoderKLConfiguration.classNames[0])," : ""
        context.log("\(pipeline.configuration.className)\(latents) from \(pipeline.path)")
        if let refiner { context.log("the last steps are taken by the model from \(refiner.pipeline.path)") }
        var encodings = try texts.map { [try TextEncodingWork($0, encoders)] } ?? []
        if let refiner, let refining { encodings.append(try TextEncodingWork(refiner.texts, refining.encoders)) }
        let deciding =
            [digest] + additions.identity
            + (try refiner.map { [try $0.pipeline.digest(with: nil, by: weightDigests)] } ?? [])
        return try draw(
            drawing, encodings, network, refiner: refining?.denoiser, outputs,
            fingerprint: fingerprint(drawing, deciding))
    }

    private func draw(
        _ drawing: Drawing, _ encodings: [TextEncodingWork], _ model: Component<any Denoiser>,
        refiner: Component<any Denoiser>?, _ outputs: SampleOutputs, fingerprint: String
    ) throws -> Ending {
        let store = SamplingStateStore(
            Path.join(context.checkpoints, "sampling.safetensors"), fingerprint: fingerprint, in: context.files)
        var work = try SamplingWork(drawing, model, refiner: refiner, outputs, store, context)
        let loop = try StepLoop(
            context, total: encodings.map(\.totalSteps).reduce(work.totalSteps, +),
            done: encodings.map(\.stepsDone).reduce(work.stepsDone, +),
            beginning: "sampling \(drawing.sampleCount) samples, \(drawing.parts[0].plan.stepsPerBatch) steps each")
        for var encoding in encodings {
            guard try loop.run(&encoding) else { return .checkpointed }
        }
        guard try loop.run(&work) else { return .checkpointed }
        try outputs.finish()
        try context.writeManifest(kind: spec.kind, seed: spec.common.seed, loop, outputs.manifest())
        context.log("\(drawing.sampleCount) samples in \(context.outputs)")
        return .succeeded(leftovers: [context.checkpoints])
    }

    /// What saved states must belong to: everything that decides the samples.
    ///
    /// - Parameter digests: of the models and of what is added to them.
    private func fingerprint(_ drawing: Drawing, _ digests: [String]) throws -> String {
        var parts = digests + [spec.json.line]
        let files =
            (requests[0].edits?.files ?? []) + (try firstFramePath().map { [$0] } ?? [])
        for path in files { parts.append(try SHA256.digest(ofFile: path).description) }
        for part in drawing.parts where part.request.options.prompts.promptFile != nil {
            parts += part.settings.prompts?.positive ?? []
        }
        return try SHA256.digest(of: Array(parts.joined(separator: "\n").utf8)).description
    }

    /// Says how much memory the largest batch will take, and ends the job where it cannot have so much.
    private func admit(
        _ drawing: Drawing, _ rehearsals: [SamplingRehearsal], _ shape: SampleShape, beside resident: Int
    ) throws -> Bool {
        func cost(_ plan: SamplingPlan) throws -> ComputationCost {
            let costs = try rehearsals.map { try $0.cost(plan, shape) }
            return ComputationCost(memory: costs.map(\.memory).max() ?? 0, work: costs.map(\.work).max() ?? 0)
        }
        let plans = drawing.parts.map(\.plan)
        let passes = plans.map { min($0.count, $0.batchSize) * ($0.guidance == nil ? 1 : 2) }
        guard let largest = passes.indices.max(by: { passes[$0] < passes[$1] }) else { return true }
        let plan = plans[largest]
        let own = try cost(plan)
        context.examination?.note(
            steps: plans.map { $0.batchCount * $0.stepsPerBatch }.reduce(0, +), work: own.work, on: context.device)
        return try context.admit(tensors: own.memory, beside: resident, spec.common) {
            var smaller: [SmallerJob] = []
            var other = plan
            other.batchSize = min(plan.count, plan.batchSize)
            while other.batchSize > 1 {
                other.batchSize /= 2
                smaller.append(
                    SmallerJob(change: "batch_size \(other.batchSize)", tensors: try cost(other).memory))
            }
            return smaller
        }
    }

    // MARK: - What only the model can tell

    /// The model's autoencoder, or the one that the job names in its place.
    private func autoencoder(of pipeline: Pipeline) throws -> AutoencoderPart? {
        guard let reference = options.autoencoder else { return pipeline.autoencoder }
        let directory = try context.openAutoencoder(reference, scalingFactor: pipeline.scalingFactor)
        if var misfit = Compatibility.latents(of: directory.configuration, for: pipeline.configuration) {
            misfit.key = String(JobInput.Role.autoencoder.jsonPath.dropFirst(2))
            misfit.remedy = "Name the autoencoder that the model was trained with, or one like it."
            throw misfit.problem
        }
        return directory
    }

    private func sampleShape(
        of pipeline: Pipeline, _ autoencoder: AutoencoderKLConfiguration?
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
        // An image is enlarged whatever its size.
        if pipeline.text?.pipeline.family == .upscaler, requests[0].clip.size == nil, let edits = requests[0].edits {
            return .image(try edits.size(), channels: shape.frame?.channels ?? 0)
        }
        return try requests[0].clip.shape(of: pipeline.configuration, shape, autoencoder)
    }

    /// The first frame of each clip, where one is given, at the size of decoded samples.
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
}
