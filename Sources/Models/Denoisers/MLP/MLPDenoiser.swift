public import Configurations
public import NeuralNet
public import TensorCore

/// The fully connected denoiser of minidiffusion (Fleuret 2022): the point and its time, through layers with ReLU.
///
/// Parameters have the published code's names: layer i is number 2 i + 1 of its sequence.
public final class MLPDenoiser: Denoiser {
    private let layers: [Linear]
    private let numTrainTimesteps: Int

    public init(_ configuration: MLPConfiguration, numTrainTimesteps: Int, on device: Device) {
        let hidden = Array(repeating: configuration.hiddenSize, count: configuration.hiddenLayers)
        let widths = [configuration.dataDimension + 1] + hidden + [configuration.dataDimension]
        let last = widths.count - 2
        layers = zip(widths, widths.dropFirst()).enumerated().map { index, widths in
            Linear(widths.0, widths.1, isHidden: index > 0 && index < last, on: device)
        }
        self.numTrainTimesteps = numTrainTimesteps
    }

    public func visit(_ visitor: inout ParameterVisitor) {
        for (index, layer) in layers.enumerated() { visitor("\(2 * index + 1)", layer) }
    }

    public func callAsFunction(
        _ x: Tensor, timesteps: [Float], condition: Condition, dropout: DropoutMasks?
    ) -> Tensor {
        let last = Float(max(1, numTrainTimesteps - 1))
        let time = Tensor(timesteps.map { $0 / last - 0.5 }, shape: [timesteps.count, 1], on: x.device)
        var h = Tensor.concatenated([x, time], axis: 1)  // (N, D + 1)
        for layer in layers.dropLast() { h = layer(h, then: .relu) }  // (N, hidden)
        return layers[layers.count - 1](h)  // (N, D)
    }
}

extension MLPConfiguration: DenoiserBuilder {
    public func makeDenoiser(numTrainTimesteps: Int, on device: Device) -> any Denoiser {
        MLPDenoiser(self, numTrainTimesteps: numTrainTimesteps, on: device)
    }
}
