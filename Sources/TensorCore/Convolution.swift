internal import CKernels

/// The extents of a two-dimensional convolution.
public struct ConvolutionGeometry: Sendable, Hashable {
    public var kernel: (height: Int, width: Int) { (kernelHeight, kernelWidth) }
    let kernelHeight: Int
    let kernelWidth: Int
    let strideHeight: Int
    let strideWidth: Int
    let top: Int
    let left: Int
    let bottom: Int
    let right: Int
    public let groups: Int

    public init(
        kernel: (height: Int, width: Int), stride: (height: Int, width: Int) = (1, 1),
        padding: (top: Int, left: Int, bottom: Int, right: Int) = (0, 0, 0, 0), groups: Int = 1
    ) {
        precondition(kernel.height > 0 && kernel.width > 0 && stride.height > 0 && stride.width > 0 && groups > 0)
        (kernelHeight, kernelWidth) = kernel
        (strideHeight, strideWidth) = stride
        (top, left, bottom, right) = padding
        self.groups = groups
    }

    /// A square kernel with the same padding on all sides.
    public init(kernel: Int, stride: Int = 1, padding: Int = 0, groups: Int = 1) {
        self.init(
            kernel: (kernel, kernel), stride: (stride, stride), padding: (padding, padding, padding, padding),
            groups: groups)
    }

    /// Output extents for an input of `height` x `width`; 0 where the kernel does not fit.
    func output(height: Int, width: Int) -> (height: Int, width: Int) {
        (
            max(0, (height + top + bottom - kernelHeight) / strideHeight + 1),
            max(0, (width + left + right - kernelWidth) / strideWidth + 1)
        )
    }

    /// Extents of the input whose convolution has an output of `height` x `width` (transposed convolution).
    func input(height: Int, width: Int) -> (height: Int, width: Int) {
        (
            (height - 1) * strideHeight + kernelHeight - top - bottom,
            (width - 1) * strideWidth + kernelWidth - left - right
        )
    }

    /// One product on the pixels as they are.
    var isPointwise: Bool {
        kernelHeight == 1 && kernelWidth == 1 && strideHeight == 1 && strideWidth == 1
            && top == 0 && left == 0 && bottom == 0 && right == 0 && groups == 1
    }

    /// A 3x3 kernel that moves by single pixels over all channels.
    var isThreeByThree: Bool {
        kernelHeight == 3 && kernelWidth == 3 && strideHeight == 1 && strideWidth == 1 && groups == 1
    }

    /// The convolution that takes output gradients to input gradients when the stride is 1 (with turned weights).
    var turned: ConvolutionGeometry? {
        guard
            strideHeight == 1, strideWidth == 1, groups == 1, top < kernelHeight, left < kernelWidth,
            bottom < kernelHeight, right < kernelWidth
        else { return nil }
        return ConvolutionGeometry(
            kernel: kernel,
            padding: (
                kernelHeight - 1 - top, kernelWidth - 1 - left, kernelHeight - 1 - bottom, kernelWidth - 1 - right
            ))
    }
}

extension Tensor {
    /// Two-dimensional convolution (cross-correlation).
    ///
    /// - Parameters:
    ///   - weight: (O, kH, kW, C / groups).
    ///   - bias: (O).
    ///   - vectors: (N, O), added to every pixel of a sample.
    ///   - residual: (N, H', W', O), added to the result.
    /// - Returns: (N, H', W', O) for an input (N, H, W, C).
    public func convolution(
        _ weight: Tensor, bias: Tensor?, _ geometry: ConvolutionGeometry, perSample vectors: Tensor? = nil,
        plus residual: Tensor? = nil
    ) -> Tensor {
        precondition(shape.rank == 4 && weight.shape.rank == 4, "images are (N, H, W, C), weights (O, kH, kW, C)")
        precondition(
            weight.shape[3] * geometry.groups == shape[3] && weight.shape[0] % geometry.groups == 0,
            "weights \(weight.shape) in \(geometry.groups) groups do not fit an image \(shape)")
        let (height, width) = geometry.output(height: shape[1], width: shape[2])
        precondition(
            vectors.map { $0.shape == [shape[0], weight.shape[0]] } ?? true
                && residual.map { $0.shape == [shape[0], height, width, weight.shape[0]] } ?? true,
            "what is added does not fit the result")
        let epilogue = Epilogue(bias: bias, vectors: vectors, residual: residual)
        return Convolution.forward(self, weight: weight, epilogue, geometry).recorded(
            .convolution(geometry, epilogue.parts), inputs: [self, weight] + epilogue.inputs, saving: [self, weight])
    }

    /// The adjoint of a convolution: each input pixel adds its turned kernel to the output.
    ///
    /// - Parameters:
    ///   - weight: (C, kH, kW, O / groups).
    ///   - bias: (O).
    /// - Returns: (N, (H - 1) stride + kH - padding, ..., O) for an input (N, H, W, C).
    public func transposedConvolution(
        _ weight: Tensor, bias: Tensor?, _ geometry: ConvolutionGeometry
    ) -> Tensor {
        precondition(shape.rank == 4 && weight.shape.rank == 4 && weight.shape[0] == shape[3])
        let (height, width) = geometry.input(height: shape[1], width: shape[2])
        let result = Convolution.inputGradient(
            self, weight: weight, inputShape: [shape[0], height, width, weight.shape[3] * geometry.groups], geometry)
        Epilogue(bias: bias).finish(result)
        return result.recorded(
            .transposedConvolution(geometry, hasBias: bias != nil), inputs: [self, weight] + (bias.map { [$0] } ?? []),
            saving: [self, weight])
    }
}
