internal import Checkpoints
internal import Configurations
internal import Datasets
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

/// A train job whose model is an autoencoder: training, scale of the latents, and the published directory.
struct AutoencoderExecution {
    private let job: AutoencoderJob
    private let context: JobContext

    init(_ job: AutoencoderJob, _ context: JobContext) {
        self.job = job
        self.context = context
    }

    func run() throws -> Ending {
        let dataset = try context.openDataset(job.dataset, job.common)
        if let misfit = Compatibility.samples(dataset.shape, for: job.model) { throw misfit.problem }
        let plan = try context.plan(job.training, job.common, for: dataset)
        func task(_ autoencoder: AutoencoderKL) -> AutoencodingTask {
            AutoencodingTask(autoencoder, job.reconstruction, seed: job.common.seed)
        }
        try context.admit(plan, dataset, job.common) { _, device in task(AutoencoderKL(job.model, on: device)) }
        let autoencoder = AutoencoderKL(job.model, on: context.device)
        context.log(
            "\(AutoencoderKLConfiguration.classNames[0]) with \(autoencoder.parameterCount) parameters, "
                + "\(dataset.trainingCount) training samples")
        let reporter = TrainingReporter(context)
        let trainer = try Trainer(
            task(autoencoder), dataset: dataset, plan: plan,
            store: context.trainingStates(of: deciding, keep: job.training.keepCheckpoints), report: reporter.report)
        let outcome = try trainer.run(
            preview: { try preview(autoencoder, dataset, step: $0) }, shouldStop: { context.stop.wasMade })
        guard outcome == .finished else { return .checkpointed }
        try publish(autoencoder, trainer, dataset)
        try PreviewFiles(context).animate()
        try context.writeLossCurve(trainer.record, title: job.common.name ?? "")
        try context.writeManifest(
            of: trainer, dataset, job.common, reporter,
            model: [
                "model": JSONNode(.string(AutoencoderKLConfiguration.classNames[0])),
                "parameters": JSONNode(.integer(autoencoder.parameterCount)),
                "scaling_factor": JSONNode(.number(autoencoder.configuration.scalingFactor)),
            ])
        return .succeeded()
    }

    /// What decides the weights.
    private var deciding: [String] {
        let root = JobSpec.trainAutoencoder(job).json
        return ["model", "dataset", "reconstruction", "training", "seed"].map { "\($0) \(root[$0]?.line ?? "")" }
    }

    /// Pictures, held-out ones where there are some, each beside what the autoencoder gives back.
    private func preview(_ autoencoder: AutoencoderKL, _ dataset: Dataset, step: Int) throws {
        let d = dataset.shape.dimensions
        func image(_ values: [Float]) -> Image { Image(width: d[1], height: d[0], channels: d[2], signed: values) }
        let pairs = try dataset.shownSamples(job.training.sampleCount).map { original in
            let x = Tensor(original, shape: Shape([1] + d), on: context.device)
            let given = autoencoder.decodeTiled(autoencoder.encodeTiled(x).mean)
            return Image.grid([image(original), image(given.array())], columns: 2, padding: 0)
        }
        try PreviewFiles(context).write(.grid(pairs), step: step)
    }

    // MARK: - At the end

    /// Pixels that the scale of the latents is found from, and pictures at most.
    private static let (scaledPixels, scaledPictures) = (1 << 22, 1024)

    private func publish(_ autoencoder: AutoencoderKL, _ trainer: Trainer, _ dataset: Dataset) throws {
        let path = Path.join(context.directory, JobFiles.model)
        try trainer.withPublishedWeights {
            try fitScale(of: autoencoder, to: dataset)
            try AutoencoderDirectory.publish(autoencoder, at: path, in: context.files)
        }
        if job.training.saveRawWeights {
            try AutoencoderDirectory.addVariant("non_ema", of: autoencoder, to: path, in: context.files)
        }
        context.log("the model is in \(path)")
        try context.event("model", ["directory": JSONNode(.string(JobFiles.model))])
    }

    private func fitScale(of autoencoder: AutoencoderKL, to dataset: Dataset) throws {
        let d = dataset.shape.dimensions
        let count = min(max(16, Self.scaledPixels / (d[0] * d[1])), Self.scaledPictures)
        let deviation = autoencoder.fitScale(
            to: try dataset.trainingSamples(count).lazy.map { Tensor($0, shape: Shape([1] + d), on: context.device) })
        context.log(
            "latents have a deviation of \(deviation): scaling_factor is \(autoencoder.configuration.scalingFactor)")
        guard deviation.isFinite, deviation > 1e-3 else {
            throw Problem(
                .numerical, "the latents of all pictures are nearly the same: their deviation is \(deviation)",
                remedy: "Train longer, or lower reconstruction.kl_weight.", path: "$.reconstruction.kl_weight")
        }
    }
}
