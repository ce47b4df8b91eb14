internal import Configurations
public import DurableFiles
public import Models
internal import NeuralNet
internal import StrictJSON
internal import TensorCore
internal import Text

/// The same model as a directory, which other programs open too.
extension SingleFile {
    /// Makes a directory of diffusers appear at `path`, whole and durable. Tensors go from file to file; those that are
    /// of no part of the model stay behind.
    ///
    /// - Parameters:
    ///   - trained: takes the place of the file's denoiser; nil: that is written.
    ///   - autoencoder: takes the place of the file's; nil: that is written.
    /// - Throws: where the file lacks tensors, or has others; what keeps the directory from being written.
    public func publish(
        at path: String, with trained: (any Denoiser)? = nil, autoencoder other: AutoencoderPart? = nil,
        in files: any FileSystem
    ) throws {
        let autoencoder = other ?? autoencoder
        try files.publishDirectory(path) { directory in
            func make(_ component: String) throws -> String {
                let made = Path.join(directory, component)
                try files.createDirectory(made, mode: 0o777)
                return made
            }
            func write(_ name: String, _ node: JSONNode, to directory: String) throws {
                try Pipeline.writeJSON(node, Path.join(directory, name), files)
            }
            let version = Pipeline.diffusersVersion
            try write("model_index.json", index(hasAutoencoder: autoencoder != nil), to: directory)

            let unet = try make(type(of: denoiser).component)
            try write("config.json", denoiser.config(diffusersVersion: version), to: unet)
            if let trained {
                try Weights.save(trained, to: unet, in: files)
            } else {
                try weights().copy(
                    for: ModelConfiguration(denoiser).makeModel(
                        numTrainTimesteps: scheduler.numTrainTimesteps, on: .rehearsal()),
                    to: Path.join(unet, Weights.fileName), in: files)
            }
            try autoencoder?.copy(to: make(AutoencoderKLConfiguration.component), in: files)
            for encoder in textEncoders {
                let text = try make(encoder.component)
                try write("config.json", encoder.configuration.config(diffusersVersion: version), to: text)
                try encoder.weights().copy(
                    for: encoder.configuration.makeNetwork(on: .rehearsal()),
                    to: Path.join(text, "model.safetensors"), in: files)
                let tokenizer = try make(encoder.tokenizerComponent)
                for (name, text) in CLIPVocabulary(padding: encoder.padding).files {
                    try files.writeAtomically(Array(text.utf8), to: Path.join(tokenizer, name))
                }
            }
            try write(
                "scheduler_config.json", scheduler.config(scheduler.sampler, diffusersVersion: version),
                to: make("scheduler"))
            if let schedule = family.lowResolutionScheduler {
                try write(
                    "scheduler_config.json", schedule.config(schedule.sampler, diffusersVersion: version),
                    to: make(PipelineParts.lowResolutionScheduler))
            }
        }
    }

    /// `model_index.json`: the pipeline's class, and the class of each part.
    private func index(hasAutoencoder: Bool) -> JSONNode {
        func part(_ library: String, _ name: String) -> JSONNode {
            [JSONNode(.string(library)), JSONNode(.string(name))]
        }
        let absent: JSONNode = [.null, .null]
        var members: [(String, JSONNode)] = [
            ("_class_name", JSONNode(.string(pipelineClass))),
            ("_diffusers_version", JSONNode(.string(Pipeline.diffusersVersion))),
            ("unet", part("diffusers", denoiser.className)),
            ("scheduler", part("diffusers", scheduler.sampler.className)),
            (
                AutoencoderKLConfiguration.component,
                hasAutoencoder ? part("diffusers", AutoencoderKLConfiguration.classNames[0]) : absent
            ),
        ]
        // A refiner has the second of two text encoders only.
        let names = family.textPipeline.family == .stableDiffusionXL ? ["", "_2"] : [""]
        for name in names {
            let encoder = textEncoders.first { $0.component == "text_encoder\(name)" }
            members.append(
                ("text_encoder\(name)", encoder.map { part("transformers", $0.configuration.className) } ?? absent))
            members.append(("tokenizer\(name)", encoder == nil ? absent : part("transformers", "CLIPTokenizer")))
        }
        switch family.textPipeline.family {
        case .stableDiffusion:
            members += [
                ("safety_checker", absent), ("feature_extractor", absent), ("requires_safety_checker", false),
            ]
        case .stableDiffusionXL:
            let forcesZeros = family.textPipeline.forcesZerosForEmptyPrompt
            members += [
                ("force_zeros_for_empty_prompt", JSONNode(.bool(forcesZeros))), ("image_encoder", absent),
                ("feature_extractor", absent),
            ]
            if pipelineClass != "StableDiffusionXLPipeline" {
                members.append(
                    ("requires_aesthetics_score", JSONNode(.bool(family.textPipeline.requiresAestheticsScore))))
            }
        case .upscaler:
            members +=
                family.lowResolutionScheduler.map {
                    [
                        (PipelineParts.lowResolutionScheduler, part("diffusers", $0.sampler.className)),
                        ("max_noise_level", 350),
                    ]
                } ?? []
        }
        return JSONNode(.object(members.map { JSONNode.Member($0, $1) }))
    }

    /// The class of diffusers that draws with such a model.
    private var pipelineClass: String {
        let isInpainting = denoiser.joinedChannels > 0
        return switch family {
        case .stableDiffusion1, .stableDiffusion2:
            isInpainting ? "StableDiffusionInpaintPipeline" : "StableDiffusionPipeline"
        case .stableDiffusionXL: isInpainting ? "StableDiffusionXLInpaintPipeline" : "StableDiffusionXLPipeline"
        case .stableDiffusionXLRefiner: "StableDiffusionXLImg2ImgPipeline"
        case .upscaler: "StableDiffusionUpscalePipeline"
        }
    }
}
