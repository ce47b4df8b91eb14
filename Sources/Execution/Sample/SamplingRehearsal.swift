internal import Checkpoints
internal import Configurations
internal import Models
internal import NeuralNet
internal import Sampling
internal import TensorCore

/// What a sampling takes, found by going through each of its phases on a device that computes
/// nothing.
struct SamplingRehearsal {
    let pipeline: Pipeline
    /// Format of the denoiser's weights in memory; nil for 32 bits.
    let weights: HalfTensor.Format?
    /// Of a model of latents.
    var autoencoder: AutoencoderKLConfiguration?
    /// Of a model that reads text.
    var texts: TextConditions?

    /// The memory of the largest phase of a plan's batches, and the work of one of its steps.
    ///
    /// - Parameter shape: of the denoiser's samples.
    func cost(_ plan: SamplingPlan, _ shape: SampleShape) throws -> ComputationCost {
        let device = Worker.rehearsalDevice()
        let model = pipeline.configuration.makeModel(
            numTrainTimesteps: pipeline.scheduler.numTrainTimesteps, on: device)
        let denoising = try SamplingRun.rehearse(told(plan, on: device), model, keeping: weights, on: device)
        var cost = denoising
        cost.memory = max(cost.memory, encoding())
        guard let autoencoder else { return cost }
        let count = min(plan.count, plan.batchSize)
        func phase(_ batch: [Int], _ work: (SampleCodec, Tensor) throws -> Void) throws -> Int {
            let device = Worker.rehearsalDevice()
            let network = AutoencoderKL(autoencoder, on: device)
            network.initialize(seed: 0)
            let codec = SampleCodec(shape, (autoencoder, Component(network)), stop: nil)
            try work(codec, .zeros(Shape([count] + batch), on: device))
            return device.memory.held
        }
        let decoding = try phase(shape.dimensions) { codec, x in _ = try codec.shown(x) }
        cost.memory = max(cost.memory, decoding)
        guard plan.editing != nil else { return cost }
        let images = SampleCodec.shape(of: shape, autoencoder).dimensions
        cost.memory = max(cost.memory, try phase(images) { codec, images in _ = try codec.samples(of: images) })
        return cost
    }

    /// The plan with conditions of the same shape, on a device that computes nothing.
    private func told(_ plan: SamplingPlan, on device: Device) -> SamplingPlan {
        guard let texts else { return plan }
        var plan = plan
        let channels = pipeline.configuration.joinedChannels
        let extents = plan.sampleShape.dropLast()
        func blank(_ samples: Range<Int>) -> Condition {
            var condition = texts.blank(count: samples.count, on: device)
            if pipeline.configuration.conditionParts.contains(.classes) {
                condition.classes = .numbers(samples.map { _ in 0 })
            }
            if channels > 0 { condition.channels = .zeros(Shape([samples.count] + extents + [channels]), on: device) }
            return condition
        }
        plan.condition = blank
        if let guidance = plan.guidance?.0 { plan.guidance = (guidance, blank) }
        return plan
    }

    /// Bytes that the largest of the text encoders takes.
    private func encoding() -> Int {
        (texts?.parts.encoders ?? []).map { encoder in
            let device = Worker.rehearsalDevice()
            let network = encoder.configuration.makeNetwork(on: device)
            network.initialize(seed: 0)
            let ids = [Int](repeating: 0, count: encoder.length)
            _ = network([ids], layer: .last, isPooled: true)
            return device.memory.held
        }.max() ?? 0
    }
}
