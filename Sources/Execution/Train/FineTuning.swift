internal import Checkpoints
internal import Configurations
internal import Datasets
internal import Diffusion
internal import DurableFiles
internal import JobSpec
internal import Models
internal import NeuralNet
internal import Problems
internal import StrictJSON
internal import TensorCore
internal import Training

/// The training of a finished denoiser, of some of its parameters, or of an adapter beside them.
struct FineTuning: TrainingSubject {
    let job: FineTuneJob
    let dataset: Dataset
    private let base: BaseModel
    /// Pictures of a class that are learned beside; nil: none.
    private let prior: Dataset?
    private let latents: LatentStage?
    /// With the word that is learned, if there is one; nil for a model that reads no text.
    private let text: TextParts?
    /// The token of each text encoder that the word begins as.
    private let initializers: [Int]
    private let words: CaptionStage.Words?
    /// Nil where the text encoders learn, or nothing reads text.
    private let encoded: CaptionStage?
    private let objective: Objective
    private let context: JobContext

    /// Opens model and data, and encodes pictures and captions.
    ///
    /// - Throws: what is wrong with them, and where they don't fit.
    init(_ job: FineTuneJob, _ context: JobContext) throws {
        (self.job, self.context) = (job, context)
        let base = try BaseModel(job, context)
        self.base = base
        let pipeline = base.pipeline
        latents = try base.autoencoder.map { try LatentStage($0, as: base.autoencoderRole, context) }
        let given = try context.openDataset(
            Self.completed(job.dataset, for: base), job.common, readingCaptions: pipeline.text != nil)
        let latents = latents
        let dataset = try latents?.encoded(given, job.common) ?? given
        self.dataset = dataset
        prior = try job.priorPreservation.map { options in
            let set = try PriorPictures(options, base, seed: job.common.seed, context).prepared(
                dataset.shape, like: ImageOptions(resolution: given.shape.frame?.size.height, channels: 3))
            let pictures = try context.openDataset(set, job.common, readingCaptions: true)
            return try latents?.encoded(pictures, job.common) ?? pictures
        }
        let (text, initializers) = try Self.text(of: pipeline, job)
        (self.text, self.initializers) = (text, initializers)
        let words = try text.map { _ in
            guard let captions = given.captions, let size = given.shape.frame?.size else { throw Self.lackOfCaptions }
            return CaptionStage.Words(
                captions: captions, further: (job.priorPreservation?.prompt).map { [$0] } ?? [], size: size,
                prompts: job.training.samplePrompts, count: job.training.sampleCount)
        }
        self.words = words
        encoded =
            if !job.teachesText, let text, let words {
                try CaptionStage(frozen: text, words, as: BaseModel.role, context)
            } else { nil }
        objective = try Self.objective(of: base, job, snrGamma: job.loss.snrGamma)
        try checkFit()
    }

    private static func objective(of base: BaseModel, _ job: FineTuneJob, snrGamma: Double?) throws -> Objective {
        let (model, scheduler) = (base.pipeline.configuration, base.pipeline.scheduler)
        return Objective(
            schedule: try NoiseSchedule(scheduler), predictionType: scheduler.predictionType,
            loss: job.loss.distance, snrGamma: snrGamma,
            learnsVariance: model.channels.map { model.predictedChannels == 2 * $0 } ?? false,
            frameNoise: model.clips.map { FrameNoise($0) })
    }

    /// Sizes that the job leaves to the model.
    private static func completed(_ dataset: DatasetConfiguration, for base: BaseModel) -> DatasetConfiguration {
        var dataset = dataset
        let model = base.pipeline.configuration
        if let shape = model.sampleShape {
            let shown = SampleCodec.shape(of: shape, base.autoencoder?.configuration)
            if let (size, channels) = shown.frame { dataset.completeImages(size, channels: channels) }
        }
        if let clips = model.clips { dataset.frames = dataset.frames ?? clips.sampleFrames }
        return dataset
    }

    /// The base's text encoders, with the word that is learned.
    private static func text(of pipeline: Pipeline, _ job: FineTuneJob) throws -> (TextParts?, [Int]) {
        guard let text = pipeline.text, let word = job.textualInversion else { return (pipeline.text, []) }
        return try pointing(to: "$.textual_inversion") {
            try text.adding(placeholder: word.token, vectors: word.vectors, initializer: word.initializer)
        }
    }

    private static let lackOfCaptions = Problem(
        .invalid, "the model reads text, but the data set has no captions",
        remedy: "Add metadata.jsonl with \"text\", or a file NAME.txt beside each picture; or set dataset.caption, or "
            + "dataset.captions to \"file_name\" or \"folder\".", path: "$.dataset.captions")

    /// What only the opened data set can tell.
    private func checkFit() throws {
        let model = base.pipeline.configuration
        // Networks that read text take pictures of any size.
        let misfit =
            words == nil
            ? Compatibility.samples(dataset.shape, for: model, changing: .data, areLatents: latents != nil)
                ?? Compatibility.classes(dataset.classes.count, for: model, changing: .data)
            : Compatibility.channels(of: dataset.shape, for: model)
        if let misfit { throw misfit.problem }
        guard let word = job.textualInversion?.token, let words, !words.captions.contains(where: { $0.contains(word) })
        else { return }
        throw Problem(
            .invalid, "no caption holds the new word \(word)",
            remedy: "Write it into the captions, or set dataset.caption to such as \"a photo of \(word)\".",
            path: "$.textual_inversion.token")
    }

    var className: String {
        let name = base.pipeline.configuration.className
        if let word = job.textualInversion { return "the word \(word.token) for a \(name)" }
        return job.adapter.map { "\($0.kind.rawValue) of rank \($0.rank) beside a \(name)" } ?? name
    }

    var forecast: String? { nil }

    // MARK: - What learns

    func task(on device: Device) throws -> DenoiserTask {
        let pipeline = base.pipeline
        let model = pipeline.configuration.makeModel(
            numTrainTimesteps: pipeline.scheduler.numTrainTimesteps, on: device)
        let encoders = try job.teachesText ? text?.encoders.map { try $0.network(on: device) } ?? [] : []
        var stage = encoded
        if job.teachesText, let text, let words {
            stage = try CaptionStage(text, learning: encoders, on: device, words, context)
        }
        func denoising(_ objective: Objective, _ captions: DenoisingTask.Captions?) -> DenoisingTask {
            DenoisingTask(
                model, takes: pipeline.configuration.conditionParts,
                unconditional: pipeline.configuration.unconditional, objective: objective, captions: captions,
                conditionDropout: stage == nil ? job.training.classDropoutProb : job.captionDropoutProb,
                seed: job.common.seed)
        }
        var task = DenoiserTask(
            denoising: denoising(objective, stage?.captions), words: stage, encoders: encoders)
        if let prior, let options = job.priorPreservation, let stage, let words {
            // Their only caption is behind those of the data set. All timesteps weigh the same.
            let captions: DenoisingTask.Captions = {
                try stage.captions($0.map { $0 == nil ? nil : words.captions.count })
            }
            task.prior = DenoiserTask.Prior(
                task: denoising(try Self.objective(of: base, job, snrGamma: nil), captions),
                weight: Float(options.weight),
                batches: prior.trainingBatches(
                    seed: job.common.seed, size: job.training.batchSize,
                    perStep: job.training.gradientAccumulationSteps, on: device),
                batchSize: job.training.batchSize)
        }
        if job.adapter == nil, job.textualInversion == nil {
            try checkSelection(of: model)
        } else if device.isRehearsal {
            model.initialize(seed: 0)
        } else {
            try load(into: model)
        }
        if let options = job.adapter { task.adapters = try adapters(options, beside: model, encoders) }
        if let word = job.textualInversion {
            for (encoder, token) in zip(encoders, initializers) { encoder.addPlaceholders(word.vectors, like: token) }
        }
        return task
    }

    private func load(into model: any Denoiser) throws {
        try pointing(to: BaseModel.role.jsonPath) { try base.pipeline.weights().load(into: model) }
    }

    private func checkSelection(of model: any Denoiser) throws {
        let selection = job.selection
        guard !model.parameters.contains(where: { selection.contains($0.name) }) else { return }
        throw Problem(
            .invalid,
            "no parameter of the \(base.pipeline.configuration.className) matches "
                + selection.patterns.joined(separator: ", "),
            remedy: "Give attention, feed_forward or convolution, or names as they are in the weights' files.",
            path: "$.parameters")
    }

    /// Pairs beside the layers of the denoiser that are targets, and beside those of the text encoders, where these
    /// learn too: all six kinds that other programs expect there.
    private func adapters(
        _ options: AdapterOptions, beside model: any Denoiser, _ encoders: [any TextEncoder]
    ) throws -> [(component: String, adapter: LowRankAdapter)] {
        func adapter(of network: any Module, at kinds: [LayerKind]) -> LowRankAdapter {
            LowRankAdapter(
                of: network, at: ParameterSelection(kinds.flatMap(\.patterns)), rank: options.rank, alpha: options.alpha
            )
        }
        let own = adapter(of: model, at: options.targets)
        guard !own.layers.isEmpty else {
            throw Problem(
                .invalid,
                "the \(base.pipeline.configuration.className) has no layers of the kinds "
                    + options.targets.map(\.rawValue).joined(separator: ", "),
                remedy: "Choose other targets.", path: "$.adapter.targets")
        }
        let others = zip(text?.encoders ?? [], encoders).map { part, network in
            (part.component, adapter(of: network, at: [.attention, .feedForward]))
        }
        return [(base.pipeline.configuration.component, own)] + others
    }

    func groups(of task: DenoiserTask) -> [LearnerGroup] {
        let optimization = job.training.optimization
        if job.textualInversion != nil {
            return zip(text?.encoders ?? [], task.encoders).map { part, encoder in
                let values = encoder.placeholders?.value
                return LearnerGroup(
                    "word.\(part.component)", encoder, selection: ParameterSelection(["*placeholders"]),
                    .loaded { if let values { encoder.placeholders?.assign(values) } }, optimization)
            }
        }
        if !task.adapters.isEmpty {
            return task.adapters.map { component, adapter in
                LearnerGroup("adapter.\(component)", adapter, .random(seed: job.common.seed), optimization)
            }
        }
        let model = task.denoising.model
        return [
            LearnerGroup(
                "denoiser", model, selection: job.selection, .loaded { try load(into: model) }, optimization)
        ]
    }

    func blankCondition(on device: Device) -> Condition {
        encoded?.blank(on: device) ?? (dataset.classes.isEmpty ? .none : Condition(classes: [0]))
    }

    var encodesCaptions: Bool { job.teachesText }

    func deciding(_ task: DenoiserTask) -> [String] {
        let root = job.spec.json
        let keys = [
            "adapter", "textual_inversion", "parameters", "dataset", "diffusion", "caption_dropout_prob",
            "prediction_type", "training",
            "seed",
        ]
        return keys.map { "\($0) \(root[$0]?.line ?? "")" }
            + ["base_model \(base.digest)"] + (latents.map { ["autoencoder \($0.digest)"] } ?? [])
            + (prior.map { ["prior \(job.priorPreservation?.json.line ?? "") \($0.trainingCount)"] } ?? [])
            + dataset.unreadable.map { "without \($0)" } + (dataset.captions ?? []).map { "caption \($0)" }
    }

    // MARK: - What it shows

    func preview(_ task: DenoiserTask, step: Int) throws {
        let previews = TrainingPreviews(
            job, task.denoising.model, base.pipeline.scheduler, dataset, latents, context)
        if let preview = task.words?.preview {
            return try previews.draw(step: step, preview.conditions, guidance: preview.guidance)
        }
        let isConditional = base.pipeline.configuration.classConditioning != .none
        let condition: Condition = isConditional ? Condition(classes: Array(dataset.classes.indices)) : .none
        try previews.draw(step: step, { condition.repeated(for: $0) })
    }

    func rehearsePreview(on device: Device) throws {
        guard job.training.sampleEvery != nil else { return }
        try latents?.rehearseDecoding(dataset.shape, on: device)
    }

    // MARK: - What is published

    func publish(_ task: DenoiserTask, at path: String) throws {
        let files = context.files
        if let word = job.textualInversion {
            let vectors = task.encoders.compactMap { $0.placeholders?.value }
            return try files.publishDirectory(path) { try EmbeddingFile.write(word.token, vectors, to: $0, in: files) }
        }
        guard !task.adapters.isEmpty else {
            return try base.pipeline.publish(
                task.denoising.model, autoencoder: job.autoencoder == nil ? nil : base.autoencoder, at: path, in: files)
        }
        let name = job.common.name ?? ""
        try files.publishDirectory(path) { directory in
            try LowRankAdapter.write(
                task.adapters, hasSecondEncoder: text?.encoders.count == 2,
                metadata: [
                    "modelspec.title": name, "ss_output_name": name, "ss_base_model_sha256": base.digest,
                    "ss_num_train_images": "\(dataset.trainingCount)",
                ], to: directory, in: files)
        }
    }

    func publishVariant(_ name: String, of task: DenoiserTask, at path: String) throws {
        try Pipeline.addVariant(
            name, of: task.denoising.model, base.pipeline.configuration, to: path, in: context.files)
    }

    func manifest(_ task: DenoiserTask) -> KeyValuePairs<String, JSONNode> {
        [
            "model": JSONNode(.string(base.pipeline.configuration.className)),
            "parameters": JSONNode(.integer(groups(of: task).map(\.parameterCount).reduce(0, +))),
            "base_model": ["path": JSONNode(.string(base.pipeline.path)), "sha256": JSONNode(.string(base.digest))],
            "captions": dataset.captions.map { JSONNode(.integer($0.count)) } ?? .null,
            "prior_samples": prior.map { JSONNode(.integer($0.trainingCount)) } ?? .null,
            "adapter": job.adapter?.json ?? .null, "textual_inversion": job.textualInversion?.json ?? .null,
            "autoencoder_sha256": latents.map { JSONNode(.string($0.digest)) } ?? .null,
        ]
    }
}

extension TextEncoder {
    /// Begins so many placeholders with the vector of a token.
    fileprivate func addPlaceholders(_ count: Int, like token: Int) {
        let table = parameters.first { $0.name.hasSuffix("token_embedding.weight") }?.parameter.value  // (V, D)
        setPlaceholders(table?.rows(at: [Int](repeating: token, count: count)))
    }
}

extension FineTuneJob {
    /// Whether a step encodes its captions, since what encodes them learns.
    fileprivate var teachesText: Bool { adapter?.textEncoder == true || textualInversion != nil }

    /// Which of the denoiser's parameters learn.
    fileprivate var selection: ParameterSelection {
        guard let parameters else { return .all }
        return ParameterSelection(
            parameters.flatMap { name in LayerKind(rawValue: name)?.patterns.map { "\($0).*" } ?? [name] })
    }
}
