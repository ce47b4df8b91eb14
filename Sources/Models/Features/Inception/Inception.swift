public import Configurations
public import NeuralNet
public import TensorCore

/// Inception v3 (Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision") as the Frechet inception distance uses
/// it (Heusel et al. 2017): the network of 2015-12-05 with 1008 classes, up to the pooled features before its classifier. Names are
/// those of torchvision and of pytorch-fid's weights.
///
/// That network differs from the published one: its average pools leave the border out of their means, and its last block pools by
/// maxima.
public final class Inception: Module {
    /// Pooled features of a picture.
    public static let featureCount = 2048
    /// Height and width that pictures are brought to.
    public static let side = 299

    private let stem: [(name: String, layer: NormalizedConvolution)]
    private let blocks: [(name: String, block: any InceptionBlock)]

    public init(on device: Device) {
        func convolution(
            _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0
        ) -> NormalizedConvolution {
            NormalizedConvolution(
                inputs, outputs, ConvolutionGeometry(kernel: kernel, stride: stride, padding: padding), on: device)
        }
        stem = [
            ("Conv2d_1a_3x3", convolution(3, 32, kernel: 3, stride: 2)),
            ("Conv2d_2a_3x3", convolution(32, 32, kernel: 3)),
            ("Conv2d_2b_3x3", convolution(32, 64, kernel: 3, padding: 1)),
            ("Conv2d_3b_1x1", convolution(64, 80, kernel: 1)),
            ("Conv2d_4a_3x3", convolution(80, 192, kernel: 3)),
        ]
        blocks = [
            ("Mixed_5b", InceptionA(192, pooled: 32, on: device)),
            ("Mixed_5c", InceptionA(256, pooled: 64, on: device)),
            ("Mixed_5d", InceptionA(288, pooled: 64, on: device)),
            ("Mixed_6a", InceptionB(288, on: device)),
            ("Mixed_6b", InceptionC(768, inner: 128, on: device)),
            ("Mixed_6c", InceptionC(768, inner: 160, on: device)),
            ("Mixed_6d", InceptionC(768, inner: 160, on: device)),
            ("Mixed_6e", InceptionC(768, inner: 192, on: device)),
            ("Mixed_7a", InceptionD(768, on: device)),
            ("Mixed_7b", InceptionE(1280, pool: .average, on: device)),
            ("Mixed_7c", InceptionE(2048, pool: .maximum, on: device)),
        ]
    }

    public func visit(_ visitor: inout ParameterVisitor) {
        for (name, layer) in stem { visitor(name, layer) }
        for (name, block) in blocks { visitor(name, block) }
    }

    /// (N, H, W, 3) in [-1, 1] -> (N, 2048).
    public func callAsFunction(_ x: Tensor) -> Tensor {
        var h = x.resizedBilinear(height: Self.side, width: Self.side)  // (N, 299, 299, 3)
        for (_, layer) in stem[..<3] { h = layer(h) }  // (N, 147, 147, 64)
        h = h.maxPooled(.halving)  // (N, 73, 73, 64)
        for (_, layer) in stem[3...] { h = layer(h) }  // (N, 71, 71, 192)
        h = h.maxPooled(.halving)  // (N, 35, 35, 192)
        for (_, block) in blocks { h = block(h) }  // (N, 8, 8, 2048)
        let places = Float(h.shape[1] * h.shape[2])
        return (h.sum(to: [h.shape[0], 1, 1, h.shape[3]]) / places).reshaped(to: [h.shape[0], h.shape[3]])  // (N, 2048)
    }
}

extension InceptionConfiguration: NetworkBuilder {
    public func makeNetwork(on device: Device) -> Inception { Inception(on: device) }

    /// The classifier, and counters of the training.
    public static func ignores(tensor name: String) -> Bool {
        name.hasPrefix("fc.") || name.hasSuffix(".num_batches_tracked")
    }
}

/// A convolution without bias, batch normalization with fixed statistics (Ioffe & Szegedy 2015), and ReLU.
final class NormalizedConvolution: Module {
    private let convolution: Convolution2D
    private let weight: Parameter
    private let bias: Parameter
    private let mean: Parameter
    private let variance: Parameter

    private static let epsilon: Float = 1e-3

    init(_ inputs: Int, _ outputs: Int, _ geometry: ConvolutionGeometry, on device: Device) {
        convolution = Convolution2D(inputs, outputs, geometry, bias: false, on: device)
        weight = Parameter([outputs], .constant(1), on: device)
        bias = Parameter([outputs], .constant(0), on: device)
        mean = Parameter([outputs], .constant(0), isTrainable: false, on: device)
        variance = Parameter([outputs], .constant(1), isTrainable: false, on: device)
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("conv", convolution)
        visitor("bn.weight", weight)
        visitor("bn.bias", bias)
        visitor("bn.running_mean", mean)
        visitor("bn.running_var", variance)
    }

    /// (N, H, W, inputs) -> (N, H', W', outputs).
    func callAsFunction(_ x: Tensor) -> Tensor {
        // With fixed statistics the normalization is a factor and a shift of each channel, which the kernels take in.
        let factor = weight.value / (variance.value + Self.epsilon).squareRoot()  // (O)
        let kernels = convolution.weight.value * factor.reshaped(to: [factor.elementCount, 1, 1, 1])  // (O, kH, kW, I)
        let shift = bias.value - mean.value * factor  // (O)
        return x.convolution(kernels, bias: shift, convolution.geometry).relu()  // (N, H', W', O)
    }
}
