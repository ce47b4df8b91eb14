public import Configurations
public import DurableFiles
public import Models
public import Problems
internal import StrictJSON
public import TensorCore

/// A model on disk: the directory of a diffusers pipeline with a denoiser and a scheduler.
///
///     model_index.json
///     unet/ (or transformer/, denoiser/)   config.json, diffusion_pytorch_model.safetensors
///     vae/                                 the same, where the denoiser works on latents
///     scheduler/                           scheduler_config.json
public struct PipelineDirectory: Sendable {
    /// The version of diffusers whose format is written.
    public static let diffusersVersion = "0.42.1"

    public let path: String
    public let configuration: ModelConfiguration
    public let scheduler: SchedulerConfiguration
    public let schedulerClass: SamplerName
    /// What makes pictures of latents; nil for a denoiser of pictures or points.
    public let autoencoder: AutoencoderDirectory?
    /// Unknown keys of the configurations: worth telling, not worth failing.
    public let warnings: [Problem]
    private let component: String

    /// Reads the configurations.
    ///
    /// - Throws: a `Problem`, or `Problems` for several in one file: no such directory, a file that is missing, damaged, or of
    ///   a class that diffd does not know.
    public init(_ path: String) throws {
        self.path = path
        let files = PosixFileSystem()
        let indexFile = Path.join(path, "model_index.json")
        guard try files.exists(indexFile) else { throw try Self.notAPipeline(path, indexFile) }
        let index = try JSONNode.parse(files.read(indexFile, limit: 1 << 20, followsLinks: true), file: indexFile)
        let (component, hasAutoencoder) = try Self.parts(of: index, file: indexFile)
        self.component = component
        let modelFile = Path.join(Path.join(path, component), "config.json")
        let model = try ModelConfiguration.read(
            config: files.read(modelFile, limit: 1 << 20, followsLinks: true), file: modelFile)
        let schedulerFile = Path.join(path, "scheduler/scheduler_config.json")
        let scheduler = try SchedulerConfiguration.read(
            config: files.read(schedulerFile, limit: 1 << 24, followsLinks: true), file: schedulerFile)
        configuration = model.configuration
        self.scheduler = scheduler.configuration
        schedulerClass = scheduler.class
        autoencoder =
            hasAutoencoder ? try AutoencoderDirectory(Path.join(path, AutoencoderKLConfiguration.component)) : nil
        warnings = model.warnings + scheduler.warnings + (autoencoder?.warnings ?? [])
        if let autoencoder,
            let misfit = Compatibility.latents(of: autoencoder.configuration, for: configuration)
        {
            throw Problem(
                .invalid, misfit.message, remedy: "Both must come from the same model.", file: modelFile)
        }
    }

    /// The denoiser's component, in a pipeline that consists of it, a scheduler, and perhaps an autoencoder.
    private static func parts(of index: JSONNode, file: String) throws -> (denoiser: String, hasAutoencoder: Bool) {
        // Members are `"unet": ["diffusers", "UNet2DModel"]`; an absent part is [null, null].
        let components = (index.members ?? []).compactMap { member in
            member.node.elements?.last?.string.map { (name: member.name, className: $0) }
        }.filter { !unneeded.contains($0.name) }
        func isAutoencoder(_ part: (name: String, className: String)) -> Bool {
            part.name == AutoencoderKLConfiguration.component
                && AutoencoderKLConfiguration.classNames.contains(part.className)
        }
        let networks = components.filter { $0.name != "scheduler" }
        let rest = networks.filter { !isAutoencoder($0) }
        let found = Networks.denoisers.first { known in
            rest.contains { $0.name == known.component && known.classNames.contains($0.className) }
        }
        guard let found, rest.count == 1 else {
            let name = index["_class_name"]?.string ?? "of no known class"
            let parts = networks.map { "\($0.name) (\($0.className))" }.joined(separator: ", ")
            throw Problem(
                .unsupported, "the pipeline \(name) consists of \(parts.isEmpty ? "nothing" : parts)",
                remedy: "diffd runs pipelines of one \(knownClasses), a scheduler, and perhaps an "
                    + "\(AutoencoderKLConfiguration.classNames[0]).", file: file)
        }
        return (found.component, components.contains(where: isAutoencoder))
    }

    /// Parts that pictures do not depend on.
    private static let unneeded: Set = ["safety_checker", "feature_extractor"]

    private static var knownClasses: String {
        Networks.denoisers.flatMap { $0.classNames }.joined(separator: ", ")
    }

    /// Why a directory without model_index.json is no model: perhaps it is a part of one.
    private static func notAPipeline(_ path: String, _ indexFile: String) throws -> Problem {
        let files = PosixFileSystem()
        let configFile = Path.join(path, "config.json")
        if try files.exists(configFile) {
            let config = try JSONNode.parse(
                files.read(configFile, limit: 1 << 20, followsLinks: true), file: configFile)
            if let name = config["_class_name"]?.string {
                return Problem(
                    .unsupported, "\(path) holds a single \(name), not a pipeline",
                    remedy: "Name the directory above it, which has a model_index.json; diffd runs \(knownClasses).",
                    file: configFile)
            }
        }
        return Problem(
            .missing, "\(path) is not a model: it has no model_index.json",
            remedy: "Name the directory that diffusers' save_pretrained or a train job wrote.", file: indexFile)
    }

    /// Where the denoiser's weights lie.
    public func weights() throws -> WeightsDirectory { try WeightsDirectory(Path.join(path, component)) }

    /// SHA-256 of the denoiser's weights; with an autoencoder, its own or another, of both digests.
    public func digest(with autoencoder: AutoencoderDirectory?) throws -> String {
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

    /// Makes the directory appear at `path`, whole and durable, replacing an old one.
    ///
    /// - Parameters:
    ///   - autoencoder: of a denoiser of latents.
    ///   - extra: writes more into the directory before it appears.
    public static func publish(
        _ model: some Denoiser, _ configuration: ModelConfiguration, _ scheduler: SchedulerConfiguration,
        autoencoder: AutoencoderKL? = nil, at path: String, in files: any FileSystem,
        _ extra: (_ directory: String) throws -> Void = { _ in }
    ) throws {
        try files.publishDirectory(path) { directory in
            try writeJSON(
                index(configuration, hasAutoencoder: autoencoder != nil), Path.join(directory, "model_index.json"),
                files)
            let modelDirectory = Path.join(directory, configuration.component)
            try files.createDirectory(modelDirectory, mode: 0o777)
            try writeJSON(
                configuration.config(diffusersVersion: diffusersVersion), Path.join(modelDirectory, "config.json"),
                files)
            try WeightsDirectory.save(model, to: modelDirectory, in: files)
            if let autoencoder {
                let directory = Path.join(directory, AutoencoderKLConfiguration.component)
                try files.createDirectory(directory, mode: 0o777)
                try AutoencoderDirectory.save(autoencoder, to: directory, in: files)
            }
            let schedulerDirectory = Path.join(directory, "scheduler")
            try files.createDirectory(schedulerDirectory, mode: 0o777)
            try writeJSON(
                scheduler.portable.config(.ddpm, diffusersVersion: diffusersVersion),
                Path.join(schedulerDirectory, "scheduler_config.json"), files)
            try extra(directory)
        }
    }

    /// Adds a second set of weights to a published directory: the file is there whole, or not at all.
    public static func addVariant(
        _ variant: String, of model: some Denoiser, _ configuration: ModelConfiguration, to path: String,
        in files: any FileSystem
    ) throws {
        try WeightsDirectory.save(
            model, variant: variant, to: Path.join(path, configuration.component), in: files,
            durability: .synchronized)
    }

    /// diffusers opens the whole directory where it has a pipeline of these parts, and each part where it has its class.
    private static func index(_ model: ModelConfiguration, hasAutoencoder: Bool) -> JSONNode {
        let pipeline = model.className == "DiTTransformer2DModel" && hasAutoencoder ? "DiTPipeline" : "DDPMPipeline"
        let index: JSONNode = [
            "_class_name": JSONNode(.string(pipeline)), "_diffusers_version": JSONNode(.string(diffusersVersion)),
            model.component: [
                JSONNode(.string(model.isDiffusersClass ? "diffusers" : "diffd")), JSONNode(.string(model.className)),
            ],
            "scheduler": ["diffusers", "DDPMScheduler"],
        ]
        let autoencoder: JSONNode = [
            "diffusers", JSONNode(.string(AutoencoderKLConfiguration.classNames[0])),
        ]
        return index.adding(AutoencoderKLConfiguration.component, hasAutoencoder ? autoencoder : nil)
    }

    private static func writeJSON(_ node: JSONNode, _ path: String, _ files: any FileSystem) throws {
        try files.writeAtomically(Array(node.text.utf8), to: path)
    }
}
