package import NeuralNet
package import TensorCore

/// Two linear layers with an activation between: from sinusoidal features to the embedding that the blocks see.
package final class TimestepMLP: Module {
    private let linear1: Linear
    private let linear2: Linear
    private let activation: Activation

    package init(
        _ inputs: Int, _ width: Int, _ activation: Activation = .silu, weights: Initializer? = nil, on device: Device
    ) {
        linear1 = Linear(inputs, width, weights: weights, isHidden: false, on: device)
        linear2 = Linear(width, width, weights: weights, isHidden: false, on: device)
        self.activation = activation
    }

    package func visit(_ visitor: inout ParameterVisitor) {
        visitor("linear_1", linear1)
        visitor("linear_2", linear2)
    }

    package func callAsFunction(_ features: Tensor) -> Tensor {
        linear2(linear1(features, then: activation))  // (N, E)
    }
}
