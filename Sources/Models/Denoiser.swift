public import Configurations
public import NeuralNet
public import TensorCore

/// A network that, given a noisy sample and its timestep, predicts the noise, the sample or the velocity.
public protocol Denoiser: Module {
    /// - Parameters:
    ///   - x: (N, H, W, C) images, (N, T, H, W, C) clips or (N, D) points.
    ///   - timesteps: one for each sample; for clips, perhaps one for each frame of each.
    ///   - condition: the parts that the network takes, with a row for each sample.
    ///   - dropout: dropout masks for this pass; nil disables dropout.
    /// - Returns: (N, H, W, output channels), (N, T, H, W, C) or (N, D).
    func callAsFunction(
        _ x: Tensor, timesteps: [Float], condition: Condition, dropout: DropoutMasks?
    ) -> Tensor
}

extension Denoiser {
    public func callAsFunction(_ x: Tensor, timesteps: [Float], condition: Condition = .none) -> Tensor {
        self(x, timesteps: timesteps, condition: condition, dropout: nil)
    }
}

extension ModelConfiguration {
    /// The parts of a condition that the network takes.
    public var conditionParts: Condition.Parts { classConditioning == .none ? [] : .classes }

    /// The condition of a sample about which the network is told nothing; nil for one that was not trained with such.
    public var unconditional: Condition? { classConditioning.nullClass.map { Condition(classes: [$0]) } }
}

extension ModelConfiguration {
    /// The network, its parameters not yet initialized or loaded.
    ///
    /// - Parameter numTrainTimesteps: T of the noise schedule, for models that see the timestep as a fraction of it.
    public func makeModel(numTrainTimesteps: Int, on device: Device) -> any Denoiser {
        switch self {
        case .mlp(let configuration):
            MLPDenoiser(configuration, numTrainTimesteps: numTrainTimesteps, on: device)
        case .unet2d(let configuration): UNet2DModel(configuration, on: device)
        case .annotatedUNet(let configuration): AnnotatedUNet(configuration, on: device)
        case .dit(let configuration): DiT(configuration, on: device)
        case .videoDiT(let configuration): VideoDiT(configuration, on: device)
        }
    }
}
