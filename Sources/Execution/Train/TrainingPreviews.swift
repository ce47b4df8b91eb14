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
internal import Training

/// Samples drawn while a model trains, always from the same noise.
struct TrainingPreviews {
    private let training: TrainingOptions
    private let seed: UInt64
    private let scheduler: SchedulerConfiguration
    private let task: DenoiserTask
    private let model: ModelConfiguration
    private let dataset: Dataset
    private let context: JobContext

    private let codec: SampleCodec
    private let latents: LatentStage?

    /// - Parameter latents: what the data set holds in the place of what is shown; nil: what is shown.
    init(
        _ job: some TrainingJob, _ task: DenoiserTask, _ model: ModelConfiguration,
        _ scheduler: SchedulerConfiguration, _ dataset: Dataset, _ latents: LatentStage?, _ context: JobContext
    ) {
        codec = SampleCodec(dataset.shape, latents.map { ($0.configuration, $0.autoencoder) }, context.tiling)
        self.latents = latents
        (training, seed, self.scheduler) = (job.training, job.common.seed, scheduler)
        (self.task, self.model) = (task, model)
        self.dataset = dataset
        self.context = context
    }

    /// Draws the samples with the model as it is now, with 50 steps of DDIM (fewer where the schedule has fewer): of
    /// prompts with the guidance that is usual for them, or of all classes in turn.
    ///
    /// - Throws: `Stopped`; whoever resumes the training draws them.
    func draw(step: Int) throws {
        var options = SamplerOptions()
        options.steps = min(50, scheduler.numTrainTimesteps)
        var plan = SamplingPlan(
            sampler: try SettledSampler(options, usual: .plain, over: scheduler).sampler(),
            sampleShape: dataset.shape.dimensions,
            count: training.sampleCount, batchSize: min(training.sampleCount, training.batchSize),
            condition: conditions)
        plan.guidance = task.words?.preview.guidance
        var run = SamplingRun(
            plan, task.denoising.model, from: SamplingCursor(noise: .philox(seed: seed)), on: context.device)
        var samples: [[Float]] = []
        // What trains has the memory again.
        defer { latents?.release() }
        do {
            while let progress = try run.step() {
                try context.stop.check()
                if case .finished(_, let x) = progress { samples += try codec.shown(x) }
            }
        } catch let problem as Problem where problem.code == .numerical {
            // A model in training may draw nothing yet; its loss says whether it learns.
            context.log("warning: no preview after step \(step): \(problem.message)")
            return
        }
        switch codec.shape {
        case .image(let size, let channels):
            let pictures = samples.map { Image(width: size.width, height: size.height, channels: channels, signed: $0) }
            try PreviewFiles(context).write(.grid(pictures), step: step)
        case .video:
            let clips = samples.map { Filmstrip.frames(of: $0, codec.shape) }
            try PreviewFiles(context).write(Filmstrip.picture(clips), step: step)
        case .point:
            let plot = try TrainingPoints(of: dataset, count: 2_000).plot(samples, title: "step \(step)")
            try PreviewFiles(context).write(plot, step: step)
        }
    }

    private var conditions: SamplingPlan.Conditions {
        if let words = task.words { return words.preview.conditions }
        let condition: Condition =
            model.classConditioning == .none ? .none : Condition(classes: Array(dataset.classes.indices))
        return { condition.repeated(for: $0) }
    }
}
