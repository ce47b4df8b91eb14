public import Configurations
public import DurableFiles
public import Models
public import Problems
internal import StrictJSON
public import TensorCore

/// A model on disk: the directory of a diffusers pipeline with a denoiser and a scheduler.
///
///     model_index.json
///     unet/ (or denoiser/)   config.json, diffusion_pytorch_model.safetensors
///     scheduler/             scheduler_config.json
public struct PipelineDirectory: Sendable {
    /// The version of diffusers whose format is written.
    public static let diffusersVersion = "0.42.1"

    public let path: String
    public let configuration: ModelConfiguration
    public let scheduler: SchedulerConfiguration
    public let schedulerClass: SamplerName
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
        let component = try Self.denoiser(of: index, file: indexFile)
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
        warnings = model.warnings + scheduler.warnings
    }

    /// The denoiser's component, in a pipeline that consists of it and a scheduler.
    private static func denoiser(of index: JSONNode, file: String) throws -> String {
        // Members are `"unet": ["diffusers", "UNet2DModel"]`; what a pipeline can do without may be [null, null].
        let components = (index.members ?? []).compactMap { member in
            member.node.elements?.last?.string.map { (name: member.name, className: $0) }
        }
        let rest = components.filter { $0.name != "scheduler" }
        let found = ModelClass.allCases.first { known in
            rest.contains { $0.name == known.component && $0.className == known.rawValue }
        }
        guard let found, rest.count == 1 else {
            let name = index["_class_name"]?.string ?? "of no known class"
            let parts = rest.map { "\($0.name) (\($0.className))" }.joined(separator: ", ")
            throw Problem(
                .unsupported, "the pipeline \(name) consists of \(parts.isEmpty ? "nothing" : parts)",
                remedy: "diffd runs pipelines of one \(knownClasses) and a scheduler.", file: file)
        }
        return found.component
    }

    private static var knownClasses: String {
        ModelClass.allCases.map(\.rawValue).joined(separator: ", ")
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

    /// The denoiser with its weights.
    public func model(on device: Device) throws -> any Denoiser {
        let model = configuration.makeModel(numTrainTimesteps: scheduler.numTrainTimesteps, on: device)
        try weights().load(into: model)
        return model
    }

    /// Makes the directory appear at `path`, whole and durable, replacing an old one.
    ///
    /// - Parameter extra: writes more into the directory before it appears.
    public static func publish(
        _ model: some Denoiser, _ configuration: ModelConfiguration, _ scheduler: SchedulerConfiguration,
        at path: String, in files: any FileSystem, _ extra: (_ directory: String) throws -> Void = { _ in }
    ) throws {
        try files.publishDirectory(path) { directory in
            let modelClass = configuration.modelClass
            try writeJSON(index(modelClass), Path.join(directory, "model_index.json"), files)
            let modelDirectory = Path.join(directory, modelClass.component)
            try files.createDirectory(modelDirectory, mode: 0o777)
            try writeJSON(
                configuration.config(diffusersVersion: diffusersVersion), Path.join(modelDirectory, "config.json"),
                files)
            try WeightsDirectory.save(model, to: modelDirectory, in: files)
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
            model, variant: variant, to: Path.join(path, configuration.modelClass.component), in: files,
            durability: .synchronized)
    }

    private static func index(_ modelClass: ModelClass) -> JSONNode {
        [
            "_class_name": "DDPMPipeline", "_diffusers_version": JSONNode(.string(diffusersVersion)),
            modelClass.component: [
                JSONNode(.string(modelClass.isDiffusersClass ? "diffusers" : "diffd")),
                JSONNode(.string(modelClass.rawValue)),
            ],
            "scheduler": ["diffusers", "DDPMScheduler"],
        ]
    }

    private static func writeJSON(_ node: JSONNode, _ path: String, _ files: any FileSystem) throws {
        try files.writeAtomically(Array(node.text.utf8), to: path)
    }
}

extension ModelClass {
    /// The name of its directory in a pipeline.
    var component: String {
        switch self {
        case .unet2d, .annotatedUNet: "unet"
        case .ditTransformer2D, .transformer2D, .dit: "transformer"
        case .mlp: "denoiser"
        }
    }
}
