public import TensorCore

/// Convolution of (N, H, W, C) with learned kernels.
public final class Convolution2D: Module {
    /// (outputs, inputs / groups, kH, kW) in PyTorch's order.
    public let weight: Parameter
    /// (outputs).
    public let bias: Parameter?
    public let geometry: ConvolutionGeometry

    /// - Parameters:
    ///   - weights: their first values, with biases of 0; PyTorch's of both when left out.
    ///   - isHidden: whether it leads from features to features: see `Parameter`.
    public init(
        _ inputs: Int, _ outputs: Int, _ geometry: ConvolutionGeometry, bias: Bool = true,
        weights: Initializer? = nil, isHidden: Bool = true, on device: Device
    ) {
        let (height, width) = geometry.kernel
        let perGroup = inputs / geometry.groups
        let fanIn = perGroup * height * width
        weight = Parameter(
            [outputs, perGroup, height, width], layout: .kernel, weights ?? .fanIn(fanIn),
            isHiddenMatrix: isHidden && geometry.groups == 1, on: device)
        let biases = weights == nil ? Initializer.fanIn(fanIn) : .constant(0)
        self.bias = bias ? Parameter([outputs], biases, on: device) : nil
        self.geometry = geometry
    }

    /// A square kernel.
    public convenience init(
        _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0, groups: Int = 1,
        bias: Bool = true, weights: Initializer? = nil, isHidden: Bool = true, on device: Device
    ) {
        self.init(
            inputs, outputs,
            ConvolutionGeometry(kernel: kernel, stride: stride, padding: padding, groups: groups), bias: bias,
            weights: weights, isHidden: isHidden, on: device)
    }

    public func visit(_ visitor: inout ParameterVisitor) {
        visitor("weight", weight)
        visitor("bias", bias)
    }

    /// (N, H, W, inputs) -> (N, H', W', outputs).
    ///
    /// - Parameters:
    ///   - vectors: (N, outputs), added to every pixel of a sample.
    ///   - residual: added to the result.
    public func callAsFunction(_ x: Tensor, perSample vectors: Tensor? = nil, plus residual: Tensor? = nil) -> Tensor {
        weight.convolution(x, bias: bias, geometry, perSample: vectors, plus: residual)
    }
}

/// The adjoint of a convolution with learned kernels: enlarges by its stride.
public final class TransposedConvolution2D: Module {
    /// (inputs, outputs, kH, kW) in PyTorch's order.
    public let weight: Parameter
    /// (outputs).
    public let bias: Parameter
    public let geometry: ConvolutionGeometry

    public init(_ inputs: Int, _ outputs: Int, kernel: Int, stride: Int, padding: Int, on device: Device) {
        // PyTorch takes the second axis for the fan-in here too.
        let fanIn = outputs * kernel * kernel
        weight = Parameter([inputs, outputs, kernel, kernel], layout: .kernel, .fanIn(fanIn), on: device)
        bias = Parameter([outputs], .fanIn(fanIn), on: device)
        geometry = ConvolutionGeometry(kernel: kernel, stride: stride, padding: padding)
    }

    public func visit(_ visitor: inout ParameterVisitor) {
        visitor("weight", weight)
        visitor("bias", bias)
    }

    /// (N, H, W, inputs) -> (N, (H - 1) stride + kernel - 2 padding, ..., outputs).
    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.transposedConvolution(weight.value, bias: bias.value, geometry)
    }
}
