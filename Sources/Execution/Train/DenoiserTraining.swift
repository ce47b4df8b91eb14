internal import Checkpoints
internal import Configurations
internal import Datasets
internal import Diffusion
internal import JobSpec
internal import Models
internal import NeuralNet
internal import Problems
internal import StrictJSON
internal import TensorCore
internal import Training

/// The training of a denoiser, on samples or on the latents of an autoencoder.
struct DenoiserTraining: TrainingSubject {
    let job: TrainJob
    let dataset: Dataset
    private let latents: LatentStage?
    private let objective: Objective
    /// Nil for a network without text.
    private let reader: CaptionReader?
    private let words: CaptionStage.Words?
    /// Nil where the text encoder learns, or nothing reads text.
    private let encoded: CaptionStage?
    private let context: JobContext

    /// Opens the data.
    ///
    /// - Throws: what is wrong with them, and where they and the model don't fit.
    init(_ job: TrainJob, _ context: JobContext) throws {
        self.job = job
        self.context = context
        latents = try job.autoencoder.map { reference in
            let autoencoder = try context.openAutoencoder(reference)
            if let mismatch = job.mismatch(with: autoencoder.configuration) { throw mismatch }
            return try LatentStage(autoencoder, as: .autoencoder, context)
        }
        let given = try context.openDataset(
            latents?.completed(job.dataset) ?? job.dataset, job.common, readingCaptions: job.textEncoder != nil)
        dataset = try latents?.encoded(given, job.common) ?? given
        objective = Objective(
            schedule: try NoiseSchedule(job.diffusion.scheduler),
            predictionType: job.diffusion.scheduler.predictionType,
            loss: job.diffusion.loss.distance, snrGamma: job.diffusion.loss.snrGamma,
            timesteps: job.diffusion.loss.timesteps,
            learnsVariance: job.diffusion.scheduler.varianceType == .learnedRange,
            frameNoise: job.model.clips.map { FrameNoise($0) })
        if let choice = job.textEncoder {
            guard let captions = given.captions, let size = given.shape.frame?.size else {
                throw Problem(
                    .invalid, "the network reads text, but the data set has no captions",
                    remedy: "Add metadata.jsonl with \"text\", or a file NAME.txt beside each picture.",
                    path: "$.dataset.captions")
            }
            let reader = try CaptionReader(choice, for: job.model, captions: captions, context)
            let words = CaptionStage.Words(
                captions: captions, size: size, prompts: job.training.samplePrompts, count: job.training.sampleCount)
            (self.reader, self.words) = (reader, words)
            encoded =
                reader.isTrained
                ? nil : try CaptionStage(frozen: reader.text, words, as: CaptionReader.role, context)
        } else {
            (reader, words, encoded) = (nil, nil, nil)
        }
        try checkFit(of: dataset)
    }

    var className: String { job.model.className }

    var forecast: String? {
        guard let tokens = job.model.clips?.tokens, let cost = job.model.cost else { return nil }
        return TrainingForecast(tokens: tokens, cost, job.training, on: context.device).description
    }

    func task(on device: Device) throws -> DenoiserTask {
        let model = job.model.makeModel(numTrainTimesteps: job.diffusion.scheduler.numTrainTimesteps, on: device)
        var (encoders, stage) = ([any TextEncoder](), encoded)
        if let reader, reader.isTrained, let words {
            encoders = reader.text.encoders.map { $0.configuration.makeTextEncoder(on: device) }
            // Previews are asked for tokens before the first step on a device that computes nothing.
            if device.isRehearsal { for encoder in encoders { encoder.initialize(seed: 0) } }
            stage = try CaptionStage(reader.text, learning: encoders, on: device, words, context)
        }
        return DenoiserTask(
            denoising: DenoisingTask(
                model, takes: job.model.conditionParts, unconditional: job.model.unconditional, objective: objective,
                captions: stage?.captions,
                conditionDropout: stage == nil ? job.training.classDropoutProb : job.captionDropoutProb,
                noiseOffset: job.diffusion.loss.noiseOffset, seed: job.common.seed),
            words: stage, encoders: encoders)
    }

    func groups(of task: DenoiserTask) -> [LearnerGroup] {
        let (start, optimization) = (InitialWeights.random(seed: job.common.seed), job.training.optimization)
        return [LearnerGroup("denoiser", task.denoising.model, start, optimization)]
            + task.encoders.map { LearnerGroup("text_encoder", $0, start, optimization) }
    }

    func blankCondition(on device: Device) -> Condition {
        encoded?.blank(on: device) ?? (dataset.classes.isEmpty ? .none : Condition(classes: [0]))
    }

    var encodesCaptions: Bool { reader?.isTrained ?? false }

    func deciding(_ task: DenoiserTask) -> [String] {
        let root = job.spec.json
        let words = job.textEncoder == nil ? [] : ["text_encoder", "caption_dropout_prob"]
        let keys = (["model", "dataset", "diffusion", "training", "seed"] + words).map {
            "\($0) \(root[$0]?.line ?? "")"
        }
        return keys + task.denoising.model.parameters.map { "\($0.name) \($0.parameter.fileShape)" }
            + (latents.map { ["autoencoder \($0.digest)"] } ?? []) + dataset.unreadable.map { "without \($0)" }
            + (reader.map { ["text_encoder \($0.identity)"] } ?? []) + (dataset.captions ?? []).map { "caption \($0)" }
    }

    func preview(_ task: DenoiserTask, step: Int) throws {
        try TrainingPreviews(job, task, job.model, job.diffusion.scheduler, dataset, latents, context).draw(step: step)
    }

    func rehearsePreview(on device: Device) throws {
        guard job.training.sampleEvery != nil else { return }
        try latents?.rehearseDecoding(dataset.shape, on: device)
    }

    func publish(_ task: DenoiserTask, at path: String) throws {
        try Pipeline.publish(
            task.denoising.model, job.model, job.diffusion.scheduler, autoencoder: latents?.autoencoder(),
            text: reader?.published(task.encoders),
            classes: namedClasses, at: path, in: context.files
        ) { directory in
            if dataset.standardization != nil {
                try TrainingPoints(of: dataset, count: 2_000).save(to: directory, in: context.files)
            }
        }
    }

    /// The names of the classes, for a model that takes classes.
    private var namedClasses: [String] { job.model.classConditioning == .none ? [] : dataset.classes }

    func publishVariant(_ name: String, of task: DenoiserTask, at path: String) throws {
        try Pipeline.addVariant(name, of: task.denoising.model, job.model, to: path, in: context.files)
    }

    func manifest(_ task: DenoiserTask) -> KeyValuePairs<String, JSONNode> {
        [
            "model": JSONNode(.string(className)),
            "parameters": JSONNode(.integer(groups(of: task).map(\.parameterCount).reduce(0, +))),
            "multiply_adds_per_sample": job.model.cost.map { JSONNode(.number($0.multiplyAdds)) } ?? .null,
            "classes": JSONNode(.array(namedClasses.map { JSONNode(.string($0)) })),
            "autoencoder_sha256": latents.map { JSONNode(.string($0.digest)) } ?? .null,
        ]
    }

    /// What only the opened data set can tell.
    private func checkFit(of dataset: Dataset) throws {
        let misfit =
            Compatibility.samples(dataset.shape, for: job.model, changing: .network, areLatents: job.autoencoder != nil)
            ?? Compatibility.classes(dataset.classes.count, for: job.model, changing: .network)
        if let misfit { throw misfit.problem }
    }
}
