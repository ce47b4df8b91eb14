package import NeuralNet
package import TensorCore

/// Halves the resolution with a 3x3 convolution of stride 2.
package final class Downsample2D: Module {
    private let conv: Convolution2D

    /// - Parameter padding: on all sides; 0 stands for one row and column at the bottom and right only, as in diffusers.
    package init(_ channels: Int, padding: Int, on device: Device) {
        let sides = padding == 0 ? (0, 0, 1, 1) : (padding, padding, padding, padding)
        conv = Convolution2D(
            channels, channels, ConvolutionGeometry(kernel: (3, 3), stride: (2, 2), padding: sides), on: device)
    }

    package func visit(_ visitor: inout ParameterVisitor) { visitor("conv", conv) }

    package func callAsFunction(_ x: Tensor) -> Tensor { conv(x) }  // (N, H / 2, W / 2, C)

    var step: LocalStep { LocalStep(.down, channels: conv.weight.shape[0], callAsFunction) }
}
