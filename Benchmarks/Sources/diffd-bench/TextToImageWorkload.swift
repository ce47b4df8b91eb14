internal import Configurations
internal import Models
internal import NeuralNet
internal import Safetensors
internal import TensorCore

/// Stable Diffusion from two prompts to an image: texts are encoded, one guided step is taken at t = 500, and its estimate of
/// x_0 is decoded. All networks lie in memory, as on the other side.
final class TextToImageWorkload: Workload {
    let specification: Case
    private let encoder: any TextEncoder
    private let unet: any Denoiser
    private let autoencoder: AutoencoderKL
    private let inputs: Inputs
    private let x: Tensor
    /// Of the linear schedule.
    private let abar: Double

    var device: Device { inputs.device }

    init(
        _ specification: Case, _ encoder: any TextEncoder, _ unet: any Denoiser, _ autoencoder: AutoencoderKL,
        _ device: Device
    ) {
        (self.specification, self.encoder, self.unet) = (specification, encoder, unet)
        self.autoencoder = autoencoder
        let c = autoencoder.configuration
        inputs = Inputs(
            shape: [
                specification.batch, c.sampleSize.height / c.downsampling, c.sampleSize.width / c.downsampling,
                c.latentChannels,
            ], areImages: true, device: device)
        x = inputs.random(.initialNoise)
        let step = (0.02 - 1e-4) / Double(specification.timesteps - 1)
        let betas: [Double] = (0...500).map { 1e-4 + step * Double($0) }
        abar = betas.reduce(1) { $0 * (1 - $1) }
    }

    private func image(_ x: Tensor) -> Tensor {
        let text = encoder(TextWorkload.ids(2), layer: .last, isPooled: false).tokens  // (2, 77, D)
        var condition = Condition()
        condition.text = Condition.Text(tokens: text)
        let both = unet(
            .concatenated([x, x], axis: 0), timesteps: [500, 500], condition: condition)  // (2, h, w, C)
        let (prompted, unconditional) = (both.sliced(axis: 0, 0..<1), both.sliced(axis: 0, 1..<2))
        let epsilon = unconditional + (prompted - unconditional) * 7.5
        let x0 = (x - epsilon * Float((1 - abar).squareRoot())) * Float(1 / abar.squareRoot())
        return autoencoder.decode(x0 * Float(1 / 0.18215))  // (1, H, W, 3)
    }

    func run(_ steps: Int) { for _ in 0..<steps { _ = image(x) } }

    func errors(in directory: String) throws -> [String: Double] {
        let exchange = try Exchange(directory)
        let output = image(inputs.tensor(try exchange.inputs.floats("x")))
        return ["output": try exchange.error(inputs.fileOrder(output), "output")]
    }
}
