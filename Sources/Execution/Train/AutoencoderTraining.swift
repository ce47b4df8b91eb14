internal import Checkpoints
internal import Configurations
internal import Datasets
internal import JobSpec
internal import Media
internal import Models
internal import NeuralNet
internal import Problems
internal import StrictJSON
internal import TensorCore
internal import Training

/// The training of an autoencoder, the first stage of latent diffusion, and of the scale of its latents.
struct AutoencoderTraining: TrainingSubject {
    let job: AutoencoderJob
    let dataset: Dataset
    private let context: JobContext

    /// Opens the data.
    ///
    /// - Throws: what is wrong with them, and where they and the model don't fit.
    init(_ job: AutoencoderJob, _ context: JobContext) throws {
        self.job = job
        self.context = context
        dataset = try context.openDataset(job.dataset, job.common)
        try checkFit(of: dataset)
    }

    private func checkFit(of dataset: Dataset) throws {
        if let misfit = Compatibility.samples(dataset.shape, for: job.model) { throw misfit.problem }
    }

    var className: String { AutoencoderKLConfiguration.classNames[0] }
    var forecast: String? { nil }

    func task(on device: Device) -> AutoencodingTask {
        AutoencodingTask(
            AutoencoderKL(job.model, on: device), distance: job.reconstruction.distance,
            klWeight: job.reconstruction.klWeight, seed: job.common.seed)
    }

    func groups(of task: AutoencodingTask) -> [LearnerGroup] {
        [
            LearnerGroup(
                "autoencoder", task.autoencoder, .random(seed: job.common.seed), job.training.optimization)
        ]
    }

    func deciding(_ task: AutoencodingTask) -> [String] {
        let root = job.spec.json
        let keys = ["model", "dataset", "reconstruction", "training", "seed"]
        return keys.map { "\($0) \(root[$0]?.line ?? "")" } + dataset.unreadable.map { "without \($0)" }
    }

    /// Images, held-out ones where there are some, each beside its reconstruction.
    func preview(_ task: AutoencodingTask, step: Int) throws {
        let autoencoder = task.autoencoder
        let d = dataset.shape.dimensions
        func image(_ values: [Float]) -> Image { Image(width: d[1], height: d[0], channels: d[2], signed: values) }
        let pairs = try dataset.shownSamples(job.training.sampleCount).map { original in
            let x = Tensor(original, shape: Shape([1] + d), on: context.device)
            let latents = try autoencoder.encodeTiled(x, context.tiling).mean
            let given = try autoencoder.decodeTiled(latents, context.tiling)
            return Image.grid([image(original), image(given.array())], columns: 2, padding: 0)
        }
        try PreviewFiles(context).write(.grid(pairs), step: step)
    }

    // MARK: - At the end

    /// Pixels that the scale of the latents is found from, and images at most.
    private static let (scaledPixels, scaledImages) = (1 << 22, 1024)

    func publish(_ task: AutoencodingTask, at path: String) throws {
        try fitScale(of: task.autoencoder, to: dataset)
        try AutoencoderPart.publish(task.autoencoder, at: path, in: context.files)
    }

    func publishVariant(_ name: String, of task: AutoencodingTask, at path: String) throws {
        try AutoencoderPart.addVariant(name, of: task.autoencoder, to: path, in: context.files)
    }

    func manifest(_ task: AutoencodingTask) -> KeyValuePairs<String, JSONNode> {
        [
            "model": JSONNode(.string(className)), "parameters": JSONNode(.integer(task.autoencoder.parameterCount)),
            "scaling_factor": JSONNode(.number(task.autoencoder.configuration.scalingFactor)),
        ]
    }

    private func fitScale(of autoencoder: AutoencoderKL, to dataset: Dataset) throws {
        let d = dataset.shape.dimensions
        let count = min(max(16, Self.scaledPixels / (d[0] * d[1])), Self.scaledImages)
        let deviation = try autoencoder.fitScale(
            to: dataset.trainingSamples(count).lazy.map { Tensor($0, shape: Shape([1] + d), on: context.device) },
            tiling: context.tiling)
        context.log(
            "latents have a deviation of \(deviation): scaling_factor is \(autoencoder.configuration.scalingFactor)")
        guard deviation.isFinite, deviation > 1e-3 else {
            throw Problem(
                .numerical, "the latents of all pictures are nearly the same: their deviation is \(deviation)",
                remedy: "Train longer, lower kl_weight or weight_decay, or give pictures that differ.",
                path: "$.reconstruction.kl_weight")
        }
    }
}
