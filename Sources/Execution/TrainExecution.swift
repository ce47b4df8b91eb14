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
        let dataset = try pointing(to: "$.dataset") { try openDataset() }
        try checkFit(of: dataset)
        let model = job.model.makeModel(
            numTrainTimesteps: job.diffusion.scheduler.numTrainTimesteps, on: context.device)
        context.log(
            "\(job.model.className) with \(model.parameterCount) parameters, \(dataset.trainingCount) training samples")
        let objective = Objective(
            schedule: try NoiseSchedule(job.diffusion.scheduler),
            predictionType: job.diffusion.scheduler.predictionType,
            loss: job.diffusion.loss,
            learnsVariance: job.diffusion.scheduler.varianceType == .learnedRange)
        let previews = TrainingPreviews(job, model, dataset, context)
        let reporter = TrainingReporter(context)
        let trainer = try Trainer(
            model, classConditioning: job.model.classConditioning, objective: objective, dataset: dataset,
            plan: TrainingPlan(job.training, steps: try steps(dataset), seed: UInt64(job.common.seed)),
            store: TrainingStateStore(
                context.checkpoints, fingerprint: try fingerprint(model), keep: job.training.keepCheckpoints,
                in: context.files), report: reporter.report)
        let outcome = try trainer.run(
            preview: { try previews.draw(step: $0) }, shouldStop: { context.stop.wasMade })
        guard outcome == .finished else { return .checkpointed }
        try publish(model, trainer, dataset)
        try previews.animate()
        try writeLossCurve(trainer.record)
        try context.writeManifest(
            kind: .train, seed: job.common.seed, stepsTaken: reporter.stepsTaken, secondsTaken: reporter.secondsTaken,
            [
                "model": JSONNode(.string(job.model.className)), "parameters": JSONNode(.integer(model.parameterCount)),
                "multiply_adds_per_sample": job.model.cost.map { JSONNode(.number($0.multiplyAdds)) } ?? .null,
                "training_samples": JSONNode(.integer(dataset.trainingCount)),
                "steps": JSONNode(.integer(trainer.step)),
                "final_loss": trainer.record.losses.last.map { JSONNode(.number($0.loss)) } ?? .null,
                "final_validation_loss": trainer.record.validationLosses.last.map { JSONNode(.number($0.loss)) }
                    ?? .null,
                "recoveries": JSONNode(.integer(trainer.record.recoveries)),
            ])
        return .succeeded()
    }

    // MARK: - Input

    private func openDataset() throws -> Dataset {
        let spec = try JobSpec.train(job).mapInputs { input in
            do { return try context.permitted(input.path) } catch var problem as Problem {
                problem.path = input.role.jsonPath
                throw problem
            }
        }
        guard case .train(let resolved) = spec else { throw Problem(.internal, "a train job changed its kind") }
        let dataset = try Dataset(
            resolved.dataset, seed: UInt64(job.common.seed),
            loading: LoadingOptions(
                memory: Self.cacheLimit(job.common.resources.memory), threads: context.device.threads)
        ) { done, total in
            if context.stop.wasMade { throw Stopped() }
            if done == total { context.log("decoded \(total) samples") }
        }
        for note in dataset.notes { context.log("note: \(note)") }
        return dataset
    }

    /// Decoded samples may take a quarter of the job's memory.
    private static func cacheLimit(_ memory: Int?) -> Int { memory.map { $0 / 4 } ?? 2 << 30 }

    /// What only the opened data set can tell.
    private func checkFit(of dataset: Dataset) throws {
        if let expected = job.model.sampleShape, expected != dataset.shape {
            throw Problem(
                .invalid, "the samples are \(dataset.shape.dimensions), but the model takes \(expected.dimensions)",
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

    private func steps(_ dataset: Dataset) throws -> Int {
        if let steps = job.training.steps { return steps }
        guard let epochs = job.training.epochs else {
            throw Problem(
                .invalid, "nothing says how long to train", remedy: "Add steps or epochs.", path: "$.training")
        }
        return dataset.trainingBatches(
            seed: UInt64(job.common.seed), size: job.training.batchSize,
            perStep: job.training.gradientAccumulationSteps, on: context.device
        ).steps(epochs: epochs)
    }

    /// What saved states must belong to: everything that decides the weights.
    private func fingerprint(_ model: any Denoiser) throws -> String {
        let root = JobSpec.train(job).json
        let deciding = ["model", "dataset", "diffusion", "training", "seed"].map { "\($0) \(root[$0]?.line ?? "")" }
        let layout = model.parameters.map { "\($0.name) \($0.parameter.fileShape)" }
        return try SHA256.digest(of: Array((deciding + layout).joined(separator: "\n").utf8)).description
    }

    // MARK: - Output

    private func publish(_ model: any Denoiser, _ trainer: Trainer, _ dataset: Dataset) throws {
        let path = Path.join(context.directory, JobFiles.model)
        try trainer.withPublishedWeights {
            try PipelineDirectory.publish(
                model, job.model, job.diffusion.scheduler, at: path, in: context.files
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

    private func writeLossCurve(_ record: TrainingRecord) throws {
        guard !record.losses.isEmpty else { return }
        func points(_ losses: [TrainingRecord.Point]) -> [Point] { losses.map { Point(Double($0.step), $0.loss) } }
        let plot = LinePlot.loss(
            job.common.name ?? "", training: points(record.losses), validation: points(record.validationLosses))
        try context.write(PNG.encode(plot.image()), to: context.output("loss.png"))
    }
}
