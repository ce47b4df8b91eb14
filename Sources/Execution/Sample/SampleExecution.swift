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

    func run() throws -> Ending {
        let resident = JobContext.residentMemory
        let pipeline = try context.open(requests[0].options.model, variant: requests[0].options.variant)
        let autoencoder = try self.autoencoder(of: pipeline)
        let shape = try sampleShape(of: pipeline, autoencoder?.configuration)
        let phases = Phases(on: context.device)
        let codec = SampleCodec(
            shape,
            try autoencoder.map { directory in
                try pointing(to: "$.model") {
                    (directory.configuration, try directory.component(of: phases, on: context.device))
                }
            })
        var drawing = Drawing()
        let firstFrame = try firstFrame(codec)
        for request in requests {
            drawing.append(request, try request.plan(pipeline, shape, codec, firstFrame: firstFrame))
        }
        try requests[0].edits?.check { context.log("note: \($0)") }
        try admit(
            drawing,
            SamplingRehearsal(
                pipeline: pipeline, weights: requests[0].options.weightsType.format,
                autoencoder: autoencoder?.configuration), shape,
            beside: resident)
        let (digest, network) = try pointing(to: "$.model") {
            (
                try pipeline.digest(with: autoencoder),
                try pipeline.component(
                    of: phases, on: context.device, keeping: requests[0].options.weightsType.format)
            )
        }
        if requests[0].options.output.video != nil, pipeline.configuration.clips == nil {
            throw Problem(
                .invalid, "output.video is given, but the model makes no video", remedy: "Remove it.",
                path: "$.output.video")
        }
        let outputs = try SampleOutputs(
            drawing, sweep: sweep, codec, pipeline, modelDigest: digest, firstFrame: firstFrame, context)
        let latents = codec.isLossy ? " of latents, with its \(AutoencoderKLConfiguration.classNames[0])," : ""
        context.log("\(pipeline.configuration.className)\(latents) from \(pipeline.path)")
        return try draw(drawing, network, outputs, modelDigest: digest)
    }

    private func draw(
        _ drawing: Drawing, _ model: Component<any Denoiser>, _ outputs: SampleOutputs, modelDigest: String
    ) throws -> Ending {
        let store = SamplingStateStore(
            Path.join(context.checkpoints, "sampling.safetensors"), fingerprint: try fingerprint(modelDigest),
            in: context.files)
        var work = try SamplingWork(drawing, model, outputs, store, context)
        let loop = try StepLoop(
            context, total: work.totalSteps, done: work.stepsDone,
            beginning: "sampling \(drawing.sampleCount) samples, \(drawing.parts[0].plan.stepsPerBatch) steps each")
        guard try loop.run(&work) else { return .checkpointed }
        try outputs.finish()
        try context.writeManifest(kind: spec.kind, seed: spec.common.seed, loop, outputs.manifest)
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

    /// The model's autoencoder, or the one that the job names in its place.
    private func autoencoder(of pipeline: Pipeline) throws -> AutoencoderPart? {
        guard let reference = requests[0].options.autoencoder else { return pipeline.autoencoder }
        let directory = try context.openAutoencoder(reference)
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
