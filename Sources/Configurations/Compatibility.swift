internal import Problems

/// What fits what among a network, its samples, an autoencoder and a noise schedule. The rules of job files ask what
/// the file alone tells, the worker asks again with the files in hand.
public enum Compatibility {
    /// What a job can change where two things do not fit.
    public enum Changeable: Sendable {
        /// The keys of the network, which is yet to be trained.
        case network
        /// The data: the network is finished.
        case data
    }

    /// Whether a network takes samples of this shape.
    public static func samples(
        _ shape: SampleShape, for model: ModelConfiguration, changing side: Changeable, areLatents: Bool = false
    ) -> Misfit? {
        let fits = model.sampleShape.map { $0 == shape } ?? (shape.frame?.channels == model.channels)
        guard !fits else { return nil }
        let expected = model.sampleShape.map { "\($0.dimensions)" } ?? "images of \(model.channels ?? 0) channels"
        return samples(shape, not: expected, changing: side, areLatents: areLatents)
    }

    /// Whether a finished network that takes pictures of any size takes samples of this shape.
    public static func channels(of shape: SampleShape, for model: ModelConfiguration) -> Misfit? {
        guard let channels = shape.frame?.channels, shape.isImage, channels == model.channels else {
            let expected = "images of \(model.channels ?? 0) channels"
            return samples(shape, not: expected, changing: .data, areLatents: false)
        }
        return nil
    }

    /// Whether an autoencoder that is yet to be trained takes samples of this shape.
    public static func samples(_ shape: SampleShape, for autoencoder: AutoencoderKLConfiguration) -> Misfit? {
        let expected = SampleShape.image(autoencoder.sampleSize, channels: autoencoder.inChannels)
        guard shape != expected else { return nil }
        return samples(shape, not: "\(expected.dimensions)", changing: .network, areLatents: false)
    }

    private static func samples(
        _ shape: SampleShape, not expected: String, changing side: Changeable, areLatents: Bool
    ) -> Misfit {
        let remedy =
            switch side {
            case .network: "Set dataset.resolution and dataset.channels, or the model's sample_size and in_channels."
            case .data: "Leave dataset.resolution and dataset.channels out."
            }
        return Misfit(
            "dataset",
            "the \(areLatents ? "latents" : "samples") are \(shape.dimensions), but the model takes \(expected)",
            remedy: remedy)
    }

    // MARK: - Latents

    /// Whether a finished autoencoder can encode samples of this shape.
    public static func encoding(_ shape: SampleShape, by autoencoder: AutoencoderKLConfiguration) -> Misfit? {
        guard autoencoder.latentShape(of: shape) == nil else { return nil }
        return Misfit(
            "dataset",
            "the samples are \(shape.dimensions), but the autoencoder takes \(autoencoder.inChannels) channels and sizes that "
                + "\(autoencoder.downsampling) divides",
            remedy: "Set dataset.resolution to a multiple of \(autoencoder.downsampling).")
    }

    /// Whether a network takes the latents of an autoencoder, by their channels.
    public static func latents(of autoencoder: AutoencoderKLConfiguration, for model: ModelConfiguration) -> Misfit? {
        let latents = autoencoder.latentChannels
        guard latents != model.channels else { return nil }
        let key = "model.\(model.channelsKey)"
        return Misfit(
            key, and: ["autoencoder"],
            "the autoencoder's latents have \(latents) channels, but the \(model.className) takes "
                + "\(model.channels.map(String.init) ?? "points")",
            remedy: "Set \(key) to \(latents), or use the autoencoder that the model was trained with.")
    }

    // MARK: - Text

    /// Whether a network reads what the text encoders of a pipeline give; nil for a pipeline without text.
    public static func text(
        _ pipeline: (TextPipeline, encoders: [CLIPTextConfiguration])?, for model: ModelConfiguration
    ) -> Misfit? {
        guard let (pipeline, encoders) = pipeline else {
            guard model.contextWidth != nil else { return nil }
            return Misfit(
                "model", "the \(model.className) reads text, but the pipeline has no text encoder",
                remedy: "Use a whole pipeline.", code: .unsupported)
        }
        let width = encoders.map(\.width).reduce(0, +)
        guard model.contextWidth == width else {
            return Misfit(
                "model",
                "the text encoders give tokens of width \(width), but the \(model.className) takes "
                    + (model.contextWidth.map { "width \($0)" } ?? "no text"),
                remedy: "Use encoders and network of one model.")
        }
        if pipeline.takesPooledText, encoders.last?.hasProjection != true {
            return Misfit(
                "model", "the last text encoder has no projection, which a \(pipeline.family.rawValue) needs",
                remedy: "Use encoders and network of one model.")
        }
        return conditions(of: pipeline, pooled: pipeline.takesPooledText ? encoders.last?.pooledWidth : nil, for: model)
    }

    /// Whether a network takes what a pipeline gives it beside tokens.
    private static func conditions(
        of pipeline: TextPipeline, pooled: Int?, for model: ModelConfiguration
    ) -> Misfit? {
        func unfit(_ what: String) -> Misfit {
            Misfit(
                "model", "the \(model.className) \(what), which a \(pipeline.family.rawValue) does not give it",
                remedy: "Use a model of one of the kinds that docs/jobs.md names.", code: .unsupported)
        }
        let numbers = pipeline.addedNumbers(ImageSize(1), isNegative: false).count
        let taken = model.network.pooledTextWidth(besideNumbers: numbers)
        guard taken == pooled else {
            return unfit("takes \(taken.map { "a vector of \($0)" } ?? "no vector") for a whole text")
        }
        let joined = pipeline.family == .upscaler ? [3] : [0, 1 + (model.channels ?? 0)]
        guard joined.contains(model.joinedChannels) else {
            return unfit("takes \(model.joinedChannels) further channels")
        }
        guard (model.classConditioning == .none) == (pipeline.family != .upscaler) else {
            return unfit(model.classConditioning == .none ? "takes no level of noise" : "takes classes")
        }
        return nil
    }

    /// Whether a job's prompts go with a finished model.
    public static func prompts(areGiven: Bool, for text: TextPipeline?) -> Misfit? {
        switch (areGiven, text) {
        case (true, nil):
            Misfit("prompt", "a prompt is given, but the model reads no text", remedy: "Remove it.")
        case (false, let text?):
            Misfit(
                "prompt", "the model is a \(text.family.rawValue), which draws from text, but no prompt is given",
                remedy: "Add \"prompt\"; \"\" is one too.")
        default: nil
        }
    }

    /// Whether a finished network can be measured on data, which give no text.
    public static func measuring(_ model: ModelConfiguration) -> Misfit? {
        guard model.contextWidth != nil else { return nil }
        return Misfit(
            "model", "the \(model.className) attends to a text, which data sets do not give",
            remedy: "Measure a model without text.", code: .unsupported)
    }

    // MARK: - Classes

    /// Whether a network can be trained or measured on samples of so many classes, 0 for samples without.
    public static func classes(_ count: Int, for model: ModelConfiguration, changing side: Changeable) -> Misfit? {
        let key = side == .network ? "model.\(model.classCountKey)" : "dataset"
        switch model.classConditioning {
        case .none: return nil
        case .vector:
            return Misfit(
                side == .network ? "model.class_embed_type" : "model",
                "the model takes class vectors (class_embed_type \"identity\"), but the classes of data sets are numbers",
                remedy: side == .network ? "Use num_class_embeds." : "Use a model with num_class_embeds.",
                code: .unsupported)
        // One that is finished is measured as it is without classes.
        case .table(_, .some) where count == 0 && side == .data: return nil
        case .table where count == 0, .timestep where count == 0:
            let folders = "Put the images into class folders"
            return Misfit(
                key, "the model takes classes, but the data set has none",
                remedy: side == .network ? "\(folders), or set \(model.classCountKey) to null." : "\(folders).")
        case .table(let room, _):
            guard count > room else { return nil }
            return Misfit(
                key, "the data set has \(count) classes, but the model's class table has room for \(room)",
                remedy: side == .network
                    ? "Set \(model.classCountKey) to at least \(model.classTableSize(for: count))."
                    : "Use the data that the model was trained on, or others of its classes.")
        case .timestep:
            // Classes share the learned table of timesteps, where there is one.
            guard let known = model.knownTimesteps, count > known else { return nil }
            return Misfit(
                side == .network ? "model.num_train_timesteps" : "dataset",
                "the data set has \(count) classes, more than the \(known) rows of the model's table of timesteps",
                remedy: side == .network
                    ? "Set it to at least \(count)."
                    : "Use the data that the model was trained on, or others of its classes.")
        }
    }

    /// Whether a finished network draws samples of these classes; nil: the job names none.
    public static func labels(_ labels: [Int]?, for model: ModelConfiguration) -> Misfit? {
        let key = "class_labels"
        switch (model.classConditioning, labels) {
        // Without labels a network with a null class draws from all classes.
        case (.none, nil), (.timestep, .some), (.table(_, .some), nil): return nil
        case (.none, .some):
            return Misfit(key, "class_labels are given, but the model takes no classes", remedy: "Remove class_labels.")
        case (.vector, _):
            return Misfit(
                "model", "the model takes class vectors (class_embed_type \"identity\"), which a job cannot give",
                remedy: "Use a model with num_class_embeds.", code: .unsupported)
        case (.table, nil), (.timestep, nil):
            return Misfit(
                key, "the model draws by class, but class_labels is not given",
                remedy: "Add class_labels, such as [0].")
        case (.table(let count, _), .some(let labels)):
            return labels.first { $0 >= count }.map { label in
                Misfit(
                    key, "class label \(label) is out of range", remedy: "The model has the classes 0 to \(count - 1).")
            }
        }
    }

    /// The number of a class by what a model calls it; several names of one class are
    /// separated by commas, as in diffusers' DiT pipelines.
    ///
    /// - Parameter names: by number; empty where the model knows none.
    public static func number(ofClass name: String, among names: [Int: String]) throws(Misfit) -> Int {
        let key = "class_labels"
        guard !names.isEmpty else {
            throw Misfit(
                key, "the model has no names for its classes", remedy: "Name the class \"\(name)\" by its number.")
        }
        let found = names.filter { _, text in
            text == name || text.split(separator: ",").contains { $0.trimmingPrefix(" ") == name }
        }.keys.sorted()
        switch found.count {
        case 1: return found[0]
        case 0:
            let known = names.sorted { $0.key < $1.key }.prefix(20).map(\.value).joined(separator: ", ")
            throw Misfit(
                key, "the model has no class \"\(name)\"",
                remedy: "It has \(known)\(names.count > 20 ? ", ..." : "").")
        default:
            throw Misfit(
                key, "\"\(name)\" is the name of the classes \(found.map(String.init).joined(separator: ", "))",
                remedy: "Name the class by its number.")
        }
    }

    /// Whether a finished network can be guided.
    public static func guidance(_ scale: Double, for model: ModelConfiguration) -> Misfit? {
        guard scale != 1, model.classConditioning.nullClass == nil else { return nil }
        return Misfit(
            "guidance_scale", "guidance_scale is \(scale), but the model was trained without a null class",
            remedy: "Set it to 1, or use a model that was trained with class_dropout_prob.")
    }

    // MARK: - Outputs and timesteps

    /// Whether a finished network has the outputs that a variance of reverse steps takes: as many channels as its
    /// input, or twice as many where it says the variance.
    public static func outputs(of model: ModelConfiguration, learnedVariance: Bool) -> Misfit? {
        guard let channels = model.channels else { return nil }
        let outputs = model.predictedChannels ?? channels
        if outputs == 2 * channels || outputs == channels && !learnedVariance { return nil }
        guard outputs == channels else {
            return Misfit(
                "model", "the model has \(outputs) output channels for \(channels), which no sampler understands",
                remedy: "Use a model whose output has the channels of its input, or twice as many.", code: .unsupported)
        }
        return Misfit(
            "sampler.variance_type",
            "variance_type is learned_range, but the model has \(outputs) output channels for \(channels)",
            remedy: "Set sampler.variance_type to \"fixed_small\".")
    }

    /// Whether a finished network can be asked at these timesteps: a learned table has no row for fractions of them.
    public static func timesteps(_ timesteps: some Sequence<Double>, for model: ModelConfiguration) -> Misfit? {
        guard let known = model.knownTimesteps,
            timesteps.contains(where: { $0 < 0 || $0 >= Double(known) || $0 != $0.rounded() })
        else { return nil }
        return Misfit(
            "sampler.name", "the sampler goes through fractions of timesteps, but the model has learned whole ones",
            remedy: "Use ddpm, ddim, pndm, dpmpp_2m, deis or unipc without other sigmas.", code: .unsupported)
    }
}
