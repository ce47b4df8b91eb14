internal import Datasets
internal import Models
internal import NeuralNet
internal import TensorCore
internal import Training

/// What the training of a denoiser minimizes, with the networks that it concerns beside that.
struct DenoiserTask: TrainingTask {
    /// Pictures of a class that are learned beside (Ruiz et al. 2023, equation 2).
    struct Prior {
        let task: DenoisingTask
        /// Of their loss.
        let weight: Float
        let batches: TrainingBatches
        let batchSize: Int
    }

    let denoising: DenoisingTask
    /// Nil where nothing reads text.
    var words: CaptionStage?
    /// Those that encode captions in every step; empty where captions are encoded before.
    var encoders: [any TextEncoder] = []
    /// What learns beside networks, by their component.
    var adapters: [(component: String, adapter: LowRankAdapter)] = []
    var prior: Prior?

    func losses(of batch: Batch, at place: BatchPlace) throws -> Losses {
        let own = try denoising.losses(of: batch, at: place)
        guard let prior else { return own }
        let number = place.first / prior.batchSize
        let pictures = try prior.batches.batch(step: place.step, microbatch: number)
        // With noise of their own: behind that of all of the step's samples.
        var other = place
        other.first += prior.batches.perStep * prior.batchSize
        let kept = try prior.task.losses(of: pictures, at: other)
        return Losses(own.total + kept.total * prior.weight, ["data": own.total, "prior": kept.total])
    }

    func validationLosses(of batch: Batch, first: Int) throws -> Losses {
        try denoising.validationLosses(of: batch, first: first)
    }
}
