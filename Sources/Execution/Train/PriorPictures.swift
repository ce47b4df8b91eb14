internal import Checkpoints
internal import Configurations
internal import Datasets
internal import Diffusion
internal import DurableFiles
internal import JobSpec
internal import Media
internal import Models
internal import NeuralNet
internal import Problems
internal import Sampling
internal import TensorCore

/// The pictures of a class that a training keeps in mind: those that are given, and as many drawn by the base model as lack.
/// They lie together in the job's directory, `prior/`, where a resumed attempt finds them.
struct PriorPictures {
    private let options: PriorOptions
    private let base: BaseModel
    /// Of the drawn ones' noise.
    private let seed: UInt64
    private let context: JobContext

    init(_ options: PriorOptions, _ base: BaseModel, seed: UInt64, _ context: JobContext) {
        (self.options, self.base, self.seed, self.context) = (options, base, seed, context)
    }

    private var directory: String { Path.join(context.directory, "prior") }

    /// Puts them there.
    ///
    /// - Parameter shape: of the denoiser's samples.
    /// - Returns: the data set's options for them.
    /// - Throws: what is wrong with the given ones; `Stopped`; what sampling throws.
    func prepared(_ shape: SampleShape, like folder: ImageOptions) throws -> DatasetConfiguration {
        try context.files.createDirectoriesDurably(directory, mode: 0o770)
        try context.files.removeStaleTemporaries(in: directory)
        let given = try copied()
        if given < options.count { try draw(options.count - given, shape) }
        var set = ImageFolderConfiguration()
        set.path = directory
        set.images = folder
        set.labels = .none
        set.captions.common = options.prompt
        return .imageFolder(set)
    }

    /// Copies the given pictures, and returns how many there are.
    private func copied() throws -> Int {
        guard let path = options.path else { return 0 }
        return try pointing(to: JobInput.Role.priorPath.jsonPath) {
            let pictures = try FolderPictures(try context.permitted(path), permit: context.permit).paths
            for (number, picture) in pictures.enumerated() {
                let copy = Path.join(
                    directory, "given-\(Self.digits(number)).\(Path.name(picture).split(separator: ".").last ?? "")")
                guard try !context.files.exists(copy) else { continue }
                try context.write(context.files.read(picture, limit: 1 << 30, followsLinks: true), to: copy)
            }
            return pictures.count
        }
    }

    /// Draws pictures by the base model, those that are not there yet.
    private func draw(_ count: Int, _ shape: SampleShape) throws {
        func path(_ number: Int) -> String { Path.join(directory, "drawn-\(Self.digits(number)).png") }
        let done = try (0..<count).first { try !context.files.exists(path($0)) } ?? count
        guard done < count, let text = base.pipeline.text else { return }
        let (device, pipeline) = (context.device, base.pipeline)
        let phases = Phases(on: device)
        let codec = SampleCodec(
            shape, try base.autoencoder.map { ($0.configuration, try $0.component(of: phases, on: device)) },
            context.tiling)
        let texts = try TextConditions(text, .none, by: WeightDigests(), context)
        var prompt = PromptOptions()
        prompt.prompt = [options.prompt]
        guard let prompts = try PromptList(prompt, context), case .image(let size, let channels) = codec.shape else {
            return
        }
        let scale = text.pipeline.usualGuidanceScale
        let (conditions, unconditional) = try texts.conditions(
            prompts, prompt, count: count, size: size, isGuided: scale > 1)
        try texts.encode(
            by: text.encoders.map { try $0.component(of: phases, on: device) }, stop: context.stop)
        var plan = SamplingPlan(
            sampler: try SettledSampler(
                SamplerOptions(), usual: UsualSampler(pipeline.schedulerClass, steps: text.pipeline.usualSteps),
                over: pipeline.scheduler
            ).sampler(), sampleShape: shape.dimensions, count: count, batchSize: 1, condition: conditions)
        plan.guidance = unconditional.map { (Guidance(scale: scale), $0) }
        context.log("drawing \((count - done).of("picture")) of \"\(options.prompt)\" by the base model")
        let network = try pipeline.component(of: phases, on: device)
        var run = SamplingRun(
            plan, network, from: SamplingCursor(batch: done, state: nil, noise: .philox(seed: seed)), on: device)
        while let progress = try run.step() {
            try context.stop.check()
            guard case .finished(let number, let x) = progress, let pixels = try codec.shown(x).first else { continue }
            try context.write(
                PNG.encode(Image(width: size.width, height: size.height, channels: channels, signed: pixels)),
                to: path(number))
        }
        phases.end()
    }

    private static func digits(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}
