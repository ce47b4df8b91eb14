public import Configurations
internal import DurableFiles
public import Models
public import Problems
internal import StrictJSON
public import TensorCore

/// A model on disk: the directory of a diffusers pipeline, with a denoiser, a scheduler, and perhaps an autoencoder.
///
///     model_index.json
///     unet/ (or transformer/, denoiser/)   config.json, diffusion_pytorch_model.safetensors
///     vae/                                 the same, where the denoiser works on latents
///     scheduler/                           scheduler_config.json
///
/// All may lie in the directory itself, as the first pipelines were published.
public struct Pipeline: Sendable {
    public let path: String
    public let configuration: ModelConfiguration
    public let scheduler: SchedulerConfiguration
    public let schedulerClass: SamplerName
    /// What decodes latents to images; nil for a denoiser of images or points.
    public let autoencoder: AutoencoderPart?
    /// Unknown keys of the configurations.
    public let warnings: [Problem]
    private let denoiser: WeightsSource

    /// Reads the configurations.
    ///
    /// - Parameters:
    ///   - path: of the directory.
    ///   - variant: of the weights' files, for parts that have it; nil: the plain ones, or the only ones.
    /// - Throws: a `Problem`, or `Problems` for several in one file: no such directory, a file that is missing, damaged, or of
    ///   a class that diffd does not know.
    public init(_ path: String, variant: String? = nil) throws {
        self.path = path
        let parts = try PipelineParts(path)
        let files = PosixFileSystem()
        let modelFile = Path.join(try parts.directory(of: parts.denoiser, holding: "config.json"), "config.json")
        let model = try ModelConfiguration.read(
            config: files.read(modelFile, limit: 1 << 20, followsLinks: true), file: modelFile)
        let schedulerFile = Path.join(
            try parts.directory(of: "scheduler", holding: "scheduler_config.json"), "scheduler_config.json")
        let scheduler = try SchedulerConfiguration.read(
            config: files.read(schedulerFile, limit: 1 << 24, followsLinks: true), file: schedulerFile)
        configuration = model.configuration
        self.scheduler = scheduler.configuration
        schedulerClass = scheduler.class
        denoiser = .directory(Path.parent(modelFile), variant: variant)
        autoencoder =
            try parts.autoencoder.map {
                try AutoencoderPart(Path.join(path, $0), variant: variant)
            }
        warnings = model.warnings + scheduler.warnings + (autoencoder?.warnings ?? [])
        try checkVariant(variant)
        if let autoencoder,
            let misfit = Compatibility.latents(of: autoencoder.configuration, for: configuration)
        {
            throw Problem(
                .invalid, misfit.message, remedy: "Both must come from the same model.", file: modelFile)
        }
    }

    /// Parts that lack a variant are taken as they are, but one must have it.
    private func checkVariant(_ variant: String?) throws {
        guard let variant else { return }
        let isThere = try weights().variant == variant || autoencoder?.weights().variant == variant
        guard isThere else {
            throw Problem(
                .missing, "no part of the model has weights of the variant \(variant)",
                remedy: "Remove \"variant\", or give the middle of a weights file's name.", file: path)
        }
    }

    /// Where the denoiser's weights lie.
    public func weights() throws -> Weights { try denoiser.weights() }

    /// SHA-256 of the denoiser's weights; with an autoencoder, its own or another, of both digests.
    public func digest(with autoencoder: AutoencoderPart?) throws -> String {
        let own = try weights().digest()
        guard let autoencoder else { return own }
        return try SHA256.digest(of: Array((own + autoencoder.weights().digest()).utf8)).description
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
        let weights = try weights()
        let network = configuration.makeModel(numTrainTimesteps: scheduler.numTrainTimesteps, on: .rehearsal())
        try weights.check(for: network)
        return try Component(of: phases, weights) { try model(on: device, keeping: format) }
    }
}
