internal import TensorCore

/// How a layer multiplies with a parameter: the one place that knows in which forms weights are kept.
extension Parameter {
    /// f(x W^T + bias) + residual with this matrix (O, K) for W.
    ///
    /// - Parameters:
    ///   - x: (..., K).
    ///   - residual: (..., O).
    func linear(
        _ x: Tensor, bias: Parameter?, then activation: Activation?, plus residual: Tensor?
    ) -> Tensor {
        switch stored {
        case .half(let weight): x.linear(weight, bias: bias?.value, then: activation, plus: residual)
        case .full, nil: x.linear(value, bias: bias?.value, then: activation, plus: residual)
        }
    }

    /// The convolution with this kernel, plus vectors for each sample and a residual; see `Tensor.convolution`.
    func convolution(
        _ x: Tensor, bias: Parameter?, _ geometry: ConvolutionGeometry, perSample vectors: Tensor?,
        plus residual: Tensor?
    ) -> Tensor {
        x.convolution(value, bias: bias?.value, geometry, perSample: vectors, plus: residual)
    }
}
