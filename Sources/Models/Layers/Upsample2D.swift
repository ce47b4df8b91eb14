package import NeuralNet
package import TensorCore

/// Doubles the resolution: nearest neighbour, then a 3x3 convolution.
package final class Upsample2D: Module {
    private let conv: Convolution2D

    package init(_ channels: Int, on device: Device) {
        conv = Convolution2D(channels, channels, kernel: 3, padding: 1, on: device)
    }

    package func visit(_ visitor: inout ParameterVisitor) { visitor("conv", conv) }

    package func callAsFunction(_ x: Tensor) -> Tensor { conv(x.upsampledNearest(2)) }  // (N, 2 H, 2 W, C)

    /// The same to a size whose sides are twice those of `x` or one less: the nearest neighbours are those of twice the
    /// resolution, and only the last row and column go.
    package func callAsFunction(_ x: Tensor, to size: (height: Int, width: Int)?) -> Tensor {
        guard let size else { return self(x) }
        let doubled = x.upsampledNearest(2)  // (N, 2 H, 2 W, C)
        return conv(doubled.sliced(axis: 1, 0..<size.height).sliced(axis: 2, 0..<size.width))
    }

    var step: LocalStep { LocalStep(.up, channels: conv.weight.shape[0]) { self($0) } }
}
