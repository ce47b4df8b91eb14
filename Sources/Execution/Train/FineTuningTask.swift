internal import Datasets
internal import Models
internal import NeuralNet
internal import Training

/// What a fine-tuning minimizes, with the networks that it concerns beside the denoiser.
struct FineTuningTask: TrainingTask {
    let denoising: DenoisingTask
    /// Nil where nothing reads text.
    var words: CaptionStage?
    /// Those that encode captions in every step; empty where captions are encoded before.
    var encoders: [any TextEncoder] = []
    /// What learns beside networks, by their component.
    var adapters: [(component: String, adapter: LowRankAdapter)] = []

    func losses(of batch: Batch, at place: BatchPlace) throws -> Losses { try denoising.losses(of: batch, at: place) }

    func validationLosses(of batch: Batch, first: Int) throws -> Losses {
        try denoising.validationLosses(of: batch, first: first)
    }
}
