public import Configurations
public import DurableFiles
public import Models
internal import StrictJSON

/// Writing pipelines.
extension Pipeline {
    /// The version of diffusers whose format is written.
    public static let diffusersVersion = "0.42.1"

    /// Makes the directory appear at `path`, whole and durable, replacing an old one.
    ///
    /// - Parameters:
    ///   - autoencoder: of a denoiser of latents.
    ///   - text: what reads captions for it; nil for a denoiser without text.
    ///   - classes: the names of the classes, by number.
    ///   - extra: writes more into the directory before it appears.
    public static func publish(
        _ model: some Denoiser, _ configuration: ModelConfiguration, _ scheduler: SchedulerConfiguration,
        autoencoder: AutoencoderKL? = nil, text: PublishedText? = nil, classes: [String] = [], at path: String,
        in files: any FileSystem,
        _ extra: (_ directory: String) throws -> Void = { _ in }
    ) throws {
        try files.publishDirectory(path) { directory in
            try writeJSON(
                index(configuration, hasAutoencoder: autoencoder != nil, hasText: text != nil, classes),
                Path.join(directory, "model_index.json"),
                files)
            let modelDirectory = Path.join(directory, configuration.component)
            try files.createDirectory(modelDirectory, mode: 0o777)
            try writeJSON(
                configuration.config(diffusersVersion: diffusersVersion), Path.join(modelDirectory, "config.json"),
                files)
            try Weights.save(model, to: modelDirectory, in: files)
            if let autoencoder {
                let directory = Path.join(directory, AutoencoderKLConfiguration.component)
                try files.createDirectory(directory, mode: 0o777)
                try AutoencoderPart.save(autoencoder, to: directory, in: files)
            }
            let schedulerDirectory = Path.join(directory, "scheduler")
            try files.createDirectory(schedulerDirectory, mode: 0o777)
            try writeJSON(
                scheduler.portable.config(.ddpm, diffusersVersion: diffusersVersion),
                Path.join(schedulerDirectory, "scheduler_config.json"), files)
            try text?.write(to: directory, in: files)
            try extra(directory)
        }
    }

    /// Adds a second set of weights to a published directory: the file is there whole, or not at all.
    public static func addVariant(
        _ variant: String, of model: some Denoiser, _ configuration: ModelConfiguration, to path: String,
        in files: any FileSystem
    ) throws {
        try Weights.save(
            model, variant: variant, to: Path.join(path, configuration.component), in: files,
            durability: .synchronized)
    }

    /// diffusers opens the whole directory where it has a pipeline of these parts, and each part where it has its class.
    static func index(
        _ model: ModelConfiguration, hasAutoencoder: Bool, hasText: Bool = false, _ classes: [String]
    ) -> JSONNode {
        let pipeline =
            hasText
            ? TextPipeline.Family.stableDiffusion.classNames[0]
            : model.className == "DiTTransformer2DModel" && hasAutoencoder ? "DiTPipeline" : "DDPMPipeline"
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
        let names = classes.enumerated().map { JSONNode.Member(String($0), JSONNode(.string($1))) }
        let absent: JSONNode = [.null, .null]
        let text: [JSONNode.Member] =
            hasText
            ? [
                .init("text_encoder", ["transformers", "CLIPTextModel"]),
                .init("tokenizer", ["transformers", "CLIPTokenizer"]),
                .init("safety_checker", absent), .init("feature_extractor", absent),
                .init("requires_safety_checker", false),
            ] : []
        return JSONNode(.object((index.members ?? []) + text))
            .adding(AutoencoderKLConfiguration.component, hasAutoencoder ? autoencoder : hasText ? absent : nil)
            .adding(PipelineParts.classNamesKey, names.isEmpty ? nil : JSONNode(.object(names)))
    }

    static func writeJSON(_ node: JSONNode, _ path: String, _ files: any FileSystem) throws {
        try files.writeAtomically(Array(node.text.utf8), to: path)
    }
}
