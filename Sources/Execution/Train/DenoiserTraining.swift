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
        let given = try context.openDataset(latents?.completed(job.dataset) ?? job.dataset, job.common)
        dataset = try latents?.encoded(given, job.common) ?? given
        objective = Objective(
            schedule: try NoiseSchedule(job.diffusion.scheduler),
            predictionType: job.diffusion.scheduler.predictionType,
            loss: job.diffusion.loss.distance, snrGamma: job.diffusion.loss.snrGamma,
            learnsVariance: job.diffusion.scheduler.varianceType == .learnedRange,
            frameNoise: job.model.clips.map { FrameNoise($0) })
        try checkFit(of: dataset)
    }

    var className: String { job.model.className }

    var forecast: String? {
        guard let tokens = job.model.clips?.tokens, let cost = job.model.cost else { return nil }
        return TrainingForecast(tokens: tokens, cost, job.training, on: context.device).description
    }

    func task(on device: Device) -> DenoisingTask {
        DenoisingTask(
            job.model.makeModel(numTrainTimesteps: job.diffusion.scheduler.numTrainTimesteps, on: device),
            takes: job.model.conditionParts, unconditional: job.model.unconditional, objective: objective,
            conditionDropout: job.training.classDropoutProb, seed: job.common.seed)
    }

    func groups(of task: DenoisingTask) -> [LearnerGroup] {
        [LearnerGroup("denoiser", task.model, .random(seed: job.common.seed), job.training.optimization)]
    }

    func deciding(_ task: DenoisingTask) -> [String] {
        let root = job.spec.json
        let keys = ["model", "dataset", "diffusion", "training", "seed"].map { "\($0) \(root[$0]?.line ?? "")" }
        return keys + task.model.parameters.map { "\($0.name) \($0.parameter.fileShape)" }
            + (latents.map { ["autoencoder \($0.digest)"] } ?? []) + dataset.unreadable.map { "without \($0)" }
    }

    func preview(_ task: DenoisingTask, step: Int) throws {
        let isConditional = job.model.classConditioning != .none
        let condition: Condition = isConditional ? Condition(classes: Array(dataset.classes.indices)) : .none
        try TrainingPreviews(
            job, task.model, job.diffusion.scheduler, dataset, latents, context
        ).draw(step: step, { condition.repeated(for: $0) })
    }

    func rehearsePreview(on device: Device) throws {
        guard job.training.sampleEvery != nil else { return }
        try latents?.rehearseDecoding(dataset.shape, on: device)
    }

    func publish(_ task: DenoisingTask, at path: String) throws {
        try Pipeline.publish(
            task.model, job.model, job.diffusion.scheduler, autoencoder: latents?.autoencoder(),
            classes: namedClasses, at: path, in: context.files
        ) { directory in
            if dataset.standardization != nil {
                try TrainingPoints(of: dataset, count: 2_000).save(to: directory, in: context.files)
            }
        }
    }

    /// The names of the classes, for a model that takes classes.
    private var namedClasses: [String] { job.model.classConditioning == .none ? [] : dataset.classes }

    func publishVariant(_ name: String, of task: DenoisingTask, at path: String) throws {
        try Pipeline.addVariant(name, of: task.model, job.model, to: path, in: context.files)
    }

    func manifest(_ task: DenoisingTask) -> KeyValuePairs<String, JSONNode> {
        [
            "model": JSONNode(.string(className)), "parameters": JSONNode(.integer(task.model.parameterCount)),
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
