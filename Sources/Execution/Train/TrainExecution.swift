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
            loss: job.diffusion.loss.distance, snrGamma: job.diffusion.loss.snrGamma,
            learnsVariance: job.diffusion.scheduler.varianceType == .learnedRange,
            frameNoise: job.model.clips.map { FrameNoise($0) })
        let plan = try context.plan(job.training, job.common, for: dataset)
        func task(_ model: any Denoiser, _ plan: TrainingPlan) -> DenoisingTask {
            DenoisingTask(
                model, takes: job.model.conditionParts, unconditional: job.model.unconditional, objective: objective,
                plan: plan)
        }
        try context.admit(plan, dataset, job.common) { plan, device in task(makeModel(on: device), plan) }
        let model = makeModel(on: context.device)
        context.log(
            "\(job.model.className) with \(model.parameterCount) parameters, \(dataset.trainingCount) training samples")
        if let tokens = job.model.clips?.tokens, let cost = job.model.cost {
            context.log(TrainingForecast(tokens: tokens, cost, job.training, on: context.device).description)
        }
        let previews = TrainingPreviews(job, model, dataset, latents?.autoencoder, context)
        let reporter = TrainingReporter(context)
        let trainer = try Trainer(
            task(model, plan), dataset: dataset, plan: plan,
            store: context.trainingStates(of: deciding(model, latents), keep: job.training.keepCheckpoints),
            preview: { try previews.draw(step: $0) }, report: reporter.report)
        guard let loop = try context.run(trainer) else { return .checkpointed }
        try publish(model, latents?.autoencoder, trainer, dataset)
        try PreviewFiles(context).animate()
        try context.writeLossCurve(trainer.record, title: job.common.name ?? "")
        try context.writeManifest(
            of: trainer, dataset, job.common, loop,
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
        let misfit =
            Compatibility.samples(dataset.shape, for: job.model, changing: .network, areLatents: job.autoencoder != nil)
            ?? Compatibility.classes(dataset.classes.count, for: job.model, changing: .network)
        if let misfit { throw misfit.problem }
    }

    /// What decides the weights.
    private func deciding(_ model: any Denoiser, _ latents: LatentStage?) -> [String] {
        let root = JobSpec.train(job).json
        let keys = ["model", "dataset", "diffusion", "training", "seed"].map { "\($0) \(root[$0]?.line ?? "")" }
        return keys + model.parameters.map { "\($0.name) \($0.parameter.fileShape)" }
            + (latents.map { ["autoencoder \($0.digest)"] } ?? [])
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
