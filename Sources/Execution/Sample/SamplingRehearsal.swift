internal import Checkpoints
internal import Configurations
internal import Models
internal import NeuralNet
internal import Sampling
internal import TensorCore

/// How much memory the tensors of a drawing will take, told by going through it on a device that computes nothing.
struct SamplingRehearsal {
    let pipeline: PipelineDirectory
    /// How the denoiser's are kept; nil: as fp32.
    let weights: HalfTensor.Format?
    /// Of a model of latents.
    let autoencoder: AutoencoderKLConfiguration?

    /// Bytes that the batches of a plan take at most.
    ///
    /// - Parameter shape: of the denoiser's samples.
    func tensors(_ plan: SamplingPlan, _ shape: SampleShape) throws -> Int {
        let device = Worker.rehearsalDevice()
        let model = pipeline.configuration.makeModel(
            numTrainTimesteps: pipeline.scheduler.numTrainTimesteps, on: device)
        _ = try SamplingRun.rehearse(plan, model, keeping: weights, on: device)
        if let autoencoder {
            let autoencoder = AutoencoderKL(autoencoder, on: device)
            autoencoder.initialize(seed: 0)
            let codec = SampleCodec(shape, autoencoder)
            _ = codec.shown(.zeros(Shape([1] + shape.dimensions), on: device))
            if plan.editing != nil {
                _ = codec.samples(of: .zeros(Shape([1] + codec.shape.dimensions), on: device))
            }
        }
        return device.memory.held
    }
}
