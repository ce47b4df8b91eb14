internal import Checkpoints
internal import Configurations
internal import Datasets
internal import Diffusion
internal import DurableFiles
internal import JobSpec
internal import Media
internal import Models
internal import NeuralNet
internal import Problems
internal import Spool
internal import StrictJSON
internal import TensorCore
internal import Training

/// A train job: data and network from its file, the training, and the published model.
struct TrainExecution {
    private let job: TrainJob
    private let context: JobContext

    init(_ job: TrainJob, _ context: JobContext) {
        self.job = job
        self.context = context
    }

    func run() throws -> Ending {
        let latents = try job.autoencoder.map { try LatentStage($0, for: job, context) }
        let given = try context.openDataset(latents?.completed(job.dataset) ?? job.dataset, job.common)
        let dataset = try latents?.encoded(given, job.common) ?? given
        try checkFit(of: dataset)
        let objective = Objective(
            schedule: try NoiseSchedule(job.diffusion.scheduler),
            predictionType: job.diffusion.scheduler.predictionType,
            loss: job.diffusion.loss,
            learnsVariance: job.diffusion.scheduler.varianceType == .learnedRange,
            frameNoise: job.model.frameNoise)
        let plan = try context.plan(job.training, job.common, for: dataset)
        func task(_ model: any Denoiser, _ plan: TrainingPlan) -> DenoisingTask {
            DenoisingTask(model, classConditioning: job.model.classConditioning, objective: objective, plan: plan)
        }
        try context.admit(plan, dataset, job.common) { plan, device in task(makeModel(on: device), plan) }
        let model = makeModel(on: context.device)
        context.log(
            "\(job.model.className) with \(model.parameterCount) parameters, \(dataset.trainingCount) training samples")
        if case .videoDiT(let video) = job.model {
            context.log(TrainingForecast(video, job.training, on: context.device).description)
        }
        let previews = TrainingPreviews(job, model, dataset, latents?.autoencoder, context)
        let reporter = TrainingReporter(context)
        let trainer = try Trainer(
            task(model, plan), dataset: dataset, plan: plan,
            store: context.trainingStates(of: deciding(model, latents, dataset), keep: job.training.keepCheckpoints),
            report: reporter.report)
        let outcome = try trainer.run(
            preview: { try previews.draw(step: $0) }, shouldStop: { context.stop.wasMade })
        guard outcome == .finished else { return .checkpointed }
        try publish(model, latents?.autoencoder, trainer, dataset)
        try PreviewFiles(context).animate()
        try context.writeLossCurve(trainer.record, title: job.common.name ?? "")
        try context.writeManifest(
            of: trainer, dataset, job.common, reporter,
            model: [
                "model": JSONNode(.string(job.model.className)), "parameters": JSONNode(.integer(model.parameterCount)),
                "multiply_adds_per_sample": job.model.cost.map { JSONNode(.number($0.multiplyAdds)) } ?? .null,
                "autoencoder_sha256": latents.map { JSONNode(.string($0.digest)) } ?? .null,
            ])
        return .succeeded()
    }

    private func makeModel(on device: Device) -> any Denoiser {
        job.model.makeModel(numTrainTimesteps: job.diffusion.scheduler.numTrainTimesteps, on: device)
    }

    // MARK: - Input

    /// What only the opened data set can tell.
    private func checkFit(of dataset: Dataset) throws {
        if let expected = job.model.sampleShape, expected != dataset.shape {
            let kind = job.autoencoder == nil ? "samples" : "latents"
            throw Problem(
                .invalid, "the \(kind) are \(dataset.shape.dimensions), but the model takes \(expected.dimensions)",
                remedy: "Set dataset.resolution and dataset.channels, or the model's sample_size and in_channels.",
                path: "$.dataset")
        }
        switch job.model.classConditioning {
        case .none: break
        case .vector:
            throw Problem(
                .unsupported, "a model with class_embed_type \"identity\" takes vectors, and data sets have numbers",
                remedy: "Use num_class_embeds, or class_embed_type \"timestep\".", path: "$.model.class_embed_type")
        case .timestep where dataset.classes.isEmpty, .table where dataset.classes.isEmpty:
            throw Problem(
                .invalid, "the model is told classes, but the data set has none",
                remedy: "Put the images into class folders, or set \(job.model.classCountKey) to null.",
                path: "$.model.\(job.model.classCountKey)")
        case .table(let count, _) where dataset.classes.count > count:
            let (key, needed) = (job.model.classCountKey, job.model.classTableSize(for: dataset.classes.count))
            throw Problem(
                .invalid,
                "the data set has \(dataset.classes.count) classes, but the model's class table has room for \(count)",
                remedy: "Set \(key) to at least \(needed).", path: "$.model.\(key)")
        case .timestep:
            // Classes share the learned table of timesteps, where there is one.
            guard let known = job.model.knownTimesteps, dataset.classes.count > known else { break }
            throw Problem(
                .invalid, "the data set has \(dataset.classes.count) classes, but num_train_timesteps is \(known)",
                remedy: "Set it to at least \(dataset.classes.count).", path: "$.model.num_train_timesteps")
        case .table: break
        }
    }

    /// What decides the weights.
    private func deciding(_ model: any Denoiser, _ latents: LatentStage?, _ dataset: Dataset) -> [String] {
        let root = JobSpec.train(job).json
        let keys = ["model", "dataset", "diffusion", "training", "seed"].map { "\($0) \(root[$0]?.line ?? "")" }
        return keys + model.parameters.map { "\($0.name) \($0.parameter.fileShape)" }
            + (latents.map { ["autoencoder \($0.digest)"] } ?? []) + dataset.unreadable.map { "without \($0)" }
    }

    // MARK: - Output

    private func publish(
        _ model: any Denoiser, _ autoencoder: AutoencoderKL?, _ trainer: Trainer, _ dataset: Dataset
    ) throws {
        let path = Path.join(context.directory, JobFiles.model)
        try trainer.withPublishedWeights {
            try PipelineDirectory.publish(
                model, job.model, job.diffusion.scheduler, autoencoder: autoencoder, at: path, in: context.files
            ) { directory in
                if dataset.standardization != nil {
                    try TrainingPoints(of: dataset, count: 2_000).save(to: directory, in: context.files)
                }
            }
        }
        if job.training.saveRawWeights {
            try PipelineDirectory.addVariant("non_ema", of: model, job.model, to: path, in: context.files)
        }
        context.log("the model is in \(path)")
        try context.event("model", ["directory": JSONNode(.string(JobFiles.model))])
    }
}
