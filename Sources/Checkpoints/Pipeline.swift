public import Configurations
internal import DurableFiles
public import Models
public import Problems
internal import StrictJSON
public import TensorCore

/// A model on disk: the directory of a diffusers pipeline.
///
///     model_index.json
///     unet/ (or transformer/, denoiser/)   config.json, diffusion_pytorch_model.safetensors
///     scheduler/                           scheduler_config.json
///     vae/                                 as unet/, where the denoiser works on latents
///     text_encoder/, text_encoder_2/       config.json, model.safetensors, where it reads text
///     tokenizer/, tokenizer_2/             tokenizer.json, or vocab.json and merges.txt
///
/// All may lie in the directory itself, as the first pipelines were published.
public struct Pipeline: Sendable {
    /// The directory, or the file that holds all parts.
    public let path: String
    public let configuration: ModelConfiguration
    public let scheduler: SchedulerConfiguration
    public let schedulerClass: SamplerName
    /// What decodes latents to images; nil for a denoiser of images or points.
    public let autoencoder: AutoencoderPart?
    /// What latents are multiplied with, whichever autoencoder makes them; nil where the model does not tell.
    public let scalingFactor: Double?
    /// What makes conditions of prompts; nil for a model that reads no text.
    public internal(set) var text: TextParts?
    /// What the model calls its classes, by number; empty where it does not say.
    public let classNames: [Int: String]
    /// Unknown keys of the configurations.
    public let warnings: [Problem]
    let denoiser: WeightsSource
    /// The file that holds all parts; nil for a directory.
    let singleFile: SingleFile?
    /// What adapters add to the denoiser's weights, by parameter.
    var denoiserDeltas: [String: [WeightDelta]] = [:]

    /// Reads the configurations.
    ///
    /// - Parameters:
    ///   - path: of the directory, or of a file that holds all parts.
    ///   - variant: of the weights' files, for parts that have it; nil: the plain ones, or the only ones.
    ///   - predictionType: what the denoiser predicts, where the files do not tell it or are wrong.
    ///   - needsAutoencoder: false where a single file may lack one, since another is used.
    /// - Throws: a `Problem`, or `Problems` for several in one file: no such directory, a file that is missing, damaged, or of
    ///   a class that diffd does not know.
    public init(
        _ path: String, variant: String? = nil, predictionType: SchedulerConfiguration.PredictionType? = nil,
        needsAutoencoder: Bool = true
    ) throws {
        if try PosixFileSystem().status(path, followsLinks: true)?.kind == .regular {
            try self.init(
                SingleFile(
                    path, variant: variant, predictionType: predictionType, needsAutoencoder: needsAutoencoder))
        } else {
            try self.init(directory: path, variant: variant, predictionType: predictionType)
        }
    }

    private init(
        directory path: String, variant: String?, predictionType: SchedulerConfiguration.PredictionType?
    ) throws {
        self.path = path
        let parts = try PipelineParts(path)
        let files = PosixFileSystem()
        let modelFile = try parts.file("config.json", of: parts.denoiser)
        let model = try ModelConfiguration.read(
            config: files.read(modelFile, limit: 1 << 20, followsLinks: true), file: modelFile)
        func readScheduler(
            _ name: String
        ) throws -> (configuration: SchedulerConfiguration, class: SamplerName, warnings: [Problem]) {
            let file = try parts.file("scheduler_config.json", of: name)
            return try SchedulerConfiguration.read(
                config: files.read(file, limit: 1 << 24, followsLinks: true), file: file)
        }
        let scheduler = try readScheduler("scheduler")
        configuration = model.configuration
        // Only the pipeline of latents corrects old configurations.
        let corrected = parts.hasAutoencoder ? parts.text?.corrected(scheduler.configuration) : nil
        var schedule = corrected ?? scheduler.configuration
        if let predictionType { schedule.predictionType = predictionType }
        self.scheduler = schedule
        schedulerClass = scheduler.class
        classNames = parts.classNames
        denoiser = .directory(Path.parent(modelFile), variant: variant)
        singleFile = nil
        autoencoder =
            parts.hasAutoencoder
            ? try AutoencoderPart(Path.join(path, AutoencoderKLConfiguration.component), variant: variant) : nil
        scalingFactor = autoencoder?.configuration.scalingFactor
        text = try parts.text.map { pipeline in
            TextParts(
                pipeline,
                encoders: try parts.textEncoders.map { names in
                    try TextEncoderPart(
                        Path.join(path, names.encoder), tokenizer: Path.join(path, names.tokenizer), variant: variant)
                },
                lowResolutionScheduler: parts.hasLowResolutionScheduler
                    ? try readScheduler(PipelineParts.lowResolutionScheduler).configuration : nil)
        }
        warnings =
            model.warnings + scheduler.warnings + (autoencoder?.warnings ?? [])
            + (text?.encoders.flatMap(\.warnings) ?? [])
        try check(modelFile)
        try checkVariant(variant)
    }

    /// Whether the parts fit each other.
    func check(_ file: String) throws {
        let misfit =
            autoencoder.flatMap { Compatibility.latents(of: $0.configuration, for: configuration) }
            ?? Compatibility.text(text.map { ($0.pipeline, $0.encoders.map(\.configuration)) }, for: configuration)
        guard let misfit else { return }
        throw Problem(
            misfit.code, misfit.message, remedy: "All parts must come from the same model.", file: file)
    }

    /// Parts that lack a variant are taken as they are, but one must have it.
    private func checkVariant(_ variant: String?) throws {
        guard let variant else { return }
        var all = [try weights()]
        if let autoencoder { all.append(try autoencoder.weights()) }
        for encoder in text?.encoders ?? [] { all.append(try encoder.weights()) }
        guard all.contains(where: { $0.variant == variant }) else {
            throw Problem(
                .missing, "no part of the model has weights of the variant \(variant)",
                remedy: "Remove \"variant\", or give the middle of a weights file's name.", file: path)
        }
    }

    /// Where the denoiser's weights lie.
    public func weights() throws -> Weights { try denoiser.weights().adding(denoiserDeltas) }

    /// SHA-256 of the denoiser's weights; with further networks, of the digests of all. A file that holds several counts
    /// once.
    ///
    /// - Parameter autoencoder: the pipeline's own or another.
    public func digest(
        with autoencoder: AutoencoderPart?, by digest: WeightDigests = WeightDigests()
    ) throws -> String {
        let own = try weights()
        let others =
            try (autoencoder.map { [try $0.weights()] } ?? []) + (text?.encoders.map { try $0.weights() } ?? [])
        let parts = try ([own] + others.filter { $0.files != own.files }).map { try digest($0) }
        guard parts.count > 1 else { return parts[0] }
        return try SHA256.digest(of: Array(parts.joined().utf8)).description
    }

    /// Whether the denoiser's files hold what it needs, by their headers.
    ///
    /// - Throws: what they lack.
    public func check() throws {
        let network = configuration.makeModel(numTrainTimesteps: scheduler.numTrainTimesteps, on: .rehearsal())
        try weights().check(for: network)
    }

    /// The denoiser with its weights.
    ///
    /// - Parameter format: in which they are kept in memory; nil for 32 bits.
    public func model(on device: Device, keeping format: HalfTensor.Format? = nil) throws -> any Denoiser {
        let model = configuration.makeModel(numTrainTimesteps: scheduler.numTrainTimesteps, on: device)
        try weights().load(into: model, keeping: format)
        return model
    }

    /// The denoiser as one of the networks that take turns in memory.
    ///
    /// - Throws: what its files lack, by their headers.
    public func component(
        of phases: Phases, on device: Device, keeping format: HalfTensor.Format? = nil
    ) throws -> Component<any Denoiser> {
        try check()
        return try Component(of: phases, weights()) { try model(on: device, keeping: format) }
    }
}
