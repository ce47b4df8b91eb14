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
