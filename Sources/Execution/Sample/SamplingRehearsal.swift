internal import Checkpoints
internal import Configurations
internal import Models
internal import NeuralNet
internal import Sampling
internal import TensorCore

/// How much memory the tensors of a sampling take, found by going through each of its phases on a device that computes
/// nothing.
struct SamplingRehearsal {
    let pipeline: Pipeline
    /// Format of the denoiser's weights in memory; nil for 32 bits.
    let weights: HalfTensor.Format?
    /// Of a model of latents.
    let autoencoder: AutoencoderKLConfiguration?

    /// Bytes that the largest phase of a plan's batches takes.
    ///
    /// - Parameter shape: of the denoiser's samples.
    func tensors(_ plan: SamplingPlan, _ shape: SampleShape) throws -> Int {
        let device = Worker.rehearsalDevice()
        let model = pipeline.configuration.makeModel(
            numTrainTimesteps: pipeline.scheduler.numTrainTimesteps, on: device)
        let denoising = try SamplingRun.rehearse(plan, model, keeping: weights, on: device)
        guard let autoencoder else { return denoising }
        let count = min(plan.count, plan.batchSize)
        func phase(_ batch: [Int], _ work: (SampleCodec, Tensor) throws -> Void) throws -> Int {
            let device = Worker.rehearsalDevice()
            let network = AutoencoderKL(autoencoder, on: device)
            network.initialize(seed: 0)
            let codec = SampleCodec(shape, (autoencoder, Component(network)))
            try work(codec, .zeros(Shape([count] + batch), on: device))
            return device.memory.held
        }
        let decoding = try phase(shape.dimensions) { codec, x in _ = try codec.shown(x) }
        guard plan.editing != nil else { return max(denoising, decoding) }
        let images = SampleCodec.shape(of: shape, autoencoder).dimensions
        return max(denoising, decoding, try phase(images) { codec, images in _ = try codec.samples(of: images) })
    }
}
