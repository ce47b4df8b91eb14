internal import Configurations
internal import Datasets
internal import Diffusion
internal import DurableFiles
internal import JobSpec
internal import Media
internal import Models
internal import Problems
internal import Sampling
internal import StrictJSON
internal import TensorCore

/// Samples drawn while a model trains, always from the same noise: `outputs/preview-00000500.png`, and all of them in turn as
/// `outputs/previews.gif`.
struct TrainingPreviews {
    private let job: TrainJob
    private let model: any Denoiser
    private let dataset: Dataset
    private let context: JobContext

    private static let prefix = "preview-"

    init(_ job: TrainJob, _ model: any Denoiser, _ dataset: Dataset, _ context: JobContext) {
        self.job = job
        self.model = model
        self.dataset = dataset
        self.context = context
    }

    /// Draws the samples with the model as it is now, with 50 steps of DDIM (fewer where the schedule has fewer).
    func draw(step: Int) throws {
        let scheduler = job.diffusion.scheduler
        var options = SamplerOptions()
        options.steps = min(50, scheduler.numTrainTimesteps)
        let isConditional = job.model.classConditioning != .none
        let plan = SamplingPlan(
            sampler: try options.sampler(for: scheduler), sampleShape: dataset.shape.dimensions,
            count: job.training.sampleCount, batchSize: min(job.training.sampleCount, job.training.batchSize),
            classes: isConditional ? Array(dataset.classes.indices) : nil)
        var run = SamplingRun(
            plan, model, from: SamplingCursor(noise: .philox(seed: UInt64(job.common.seed))), on: context.device)
        var samples: [[Float]] = []
        while let progress = try run.step() {
            if context.stop.wasMade { return }
            if case .finished(_, let x) = progress { samples += x.samples }
        }
        let picture: Image
        switch dataset.shape {
        case .image(let size, let channels):
            picture = .grid(
                samples.map { Image(width: size.width, height: size.height, channels: channels, signed: $0) })
        case .point:
            picture = try TrainingPoints(of: dataset, count: 2_000).plot(samples, title: "step \(step)")
        }
        let name = Self.prefix + String(repeating: "0", count: max(0, 8 - String(step).count)) + "\(step).png"
        try context.write(PNG.encode(picture), to: context.output(name))
        try context.event("preview", ["step": JSONNode(.integer(step)), "file": JSONNode(.string("outputs/\(name)"))])
    }

    /// Joins the pictures drawn so far, by any attempt, to one animation.
    func animate() throws {
        let names = try context.files.list(context.outputs).entries.map(\.name).filter {
            $0.hasPrefix(Self.prefix) && $0.hasSuffix(".png")
        }.sorted()
        guard names.count > 1 else { return }
        let frames = try names.map { try ImageFile.read(context.output($0)) }
        try context.write(GIF.encode(frames, delay: 0.3, lastDelay: 2), to: context.output("previews.gif"))
    }
}
