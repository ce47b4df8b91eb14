internal import Configurations
internal import Models
internal import Safetensors
internal import TensorCore

/// One way through an autoencoder: pictures to the means of their latents, or latents to pictures.
final class AutoencoderWorkload: Workload {
    let specification: Case
    private let autoencoder: AutoencoderKL
    private let inputs: Inputs
    private let x: Tensor

    var device: Device { inputs.device }

    init(_ specification: Case, _ autoencoder: AutoencoderKL, _ device: Device) {
        self.specification = specification
        self.autoencoder = autoencoder
        let c = autoencoder.configuration
        let (height, width, factor) = (c.sampleSize.height, c.sampleSize.width, c.downsampling)
        let shape: Shape =
            specification.task == .encode
            ? [specification.batch, height, width, c.inChannels]
            : [specification.batch, height / factor, width / factor, c.latentChannels]
        inputs = Inputs(shape: shape, areImages: true, device: device)
        x = inputs.random(.dataset)
    }

    func run(_ steps: Int) { for _ in 0..<steps { _ = compute(x) } }

    private func compute(_ x: Tensor) -> Tensor {
        specification.task == .encode ? autoencoder.encode(x).mean : autoencoder.decode(x)
    }

    func errors(in directory: String) throws -> [String: Double] {
        let exchange = try Exchange(directory)
        let output = compute(inputs.tensor(try exchange.inputs.floats("x")))
        return ["output": try exchange.error(inputs.fileOrder(output), "output")]
    }
}
