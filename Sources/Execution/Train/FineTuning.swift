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
    let base: BaseModel
    /// Pictures of a class that are learned beside; nil: none.
    let prior: Dataset?
    private let latents: LatentStage?
    /// With the word that is learned, if there is one; nil for a model that reads no text.
    let text: TextParts?
    /// The token of each text encoder that the word begins as.
    let initializers: [Int]
    let words: CaptionStage.Words?
    /// Nil where the text encoders learn, or nothing reads text.
    let encoded: CaptionStage?
    let objective: Objective
    let context: JobContext

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
        let (text, initializers) = try Self.text(of: pipeline, job)
        (self.text, self.initializers) = (text, initializers)
        let words = try text.map { _ in
            guard let captions = given.captions, let size = given.shape.frame?.size else { throw Self.lackOfCaptions }
            return CaptionStage.Words(
                captions: captions, further: (job.priorPreservation?.prompt).map { [$0] } ?? [], size: size,
                prompts: job.training.samplePrompts, count: job.training.sampleCount)
        }
        self.words = words
        try Self.checkFit(job, base, dataset, words)
        prior = try job.priorPreservation.map { options in
            let set = try PriorPictures(options, base, seed: job.common.seed, context).prepared(
                dataset.shape, like: ImageOptions(resolution: given.shape.frame?.size.height, channels: 3))
            let pictures = try context.openDataset(set, job.common, readingCaptions: true)
            return try latents?.encoded(pictures, job.common) ?? pictures
        }
        encoded =
            if !job.teachesText, let text, let words {
                try CaptionStage(frozen: text, words, as: BaseModel.role, context)
            } else { nil }
        objective = try Self.objective(of: base, job, snrGamma: job.loss.snrGamma)
    }

    static func objective(of base: BaseModel, _ job: FineTuneJob, snrGamma: Double?) throws -> Objective {
        let (model, scheduler) = (base.pipeline.configuration, base.pipeline.scheduler)
        return Objective(
            schedule: try NoiseSchedule(scheduler), predictionType: scheduler.predictionType,
            loss: job.loss.distance, snrGamma: snrGamma, timesteps: job.loss.timesteps,
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
    private static func checkFit(
        _ job: FineTuneJob, _ base: BaseModel, _ dataset: Dataset, _ words: CaptionStage.Words?
    ) throws {
        let model = base.pipeline.configuration
        let areLatents = base.autoencoder != nil
        // Networks that read text take pictures of any size.
        let misfit =
            words == nil
            ? Compatibility.samples(dataset.shape, for: model, changing: .data, areLatents: areLatents)
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
        try TrainingPreviews(job, task, base.pipeline.configuration, base.pipeline.scheduler, dataset, latents, context)
            .draw(step: step)
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
