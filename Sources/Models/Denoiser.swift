public import Configurations
public import NeuralNet
public import TensorCore

/// A network that, given a noisy sample and its timestep, predicts the noise, the sample or the velocity.
public protocol Denoiser: Module {
    /// - Parameters:
    ///   - x: (N, H, W, C) images, (N, T, H, W, C) clips or (N, D) points.
    ///   - timesteps: one for each sample; for clips, perhaps one for each frame of each.
    ///   - classes: one for each sample, for a model that is conditioned on classes; nil for others.
    ///   - dropout: what falls in this pass of training; nil in sampling.
    /// - Returns: (N, H, W, output channels), (N, T, H, W, C) or (N, D).
    func callAsFunction(
        _ x: Tensor, timesteps: [Float], classes: ClassLabels?, dropout: DropoutMasks?
    ) -> Tensor
}

extension Denoiser {
    public func callAsFunction(_ x: Tensor, timesteps: [Float], classes: ClassLabels? = nil) -> Tensor {
        self(x, timesteps: timesteps, classes: classes, dropout: nil)
    }
}

/// What a class-conditional model is told about each sample.
public enum ClassLabels {
    /// Numbers of classes, each below the model's number of classes.
    case numbers([Int])
    /// Vectors as wide as the model's time embedding (N, E).
    case vectors(Tensor)
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
