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
        guard let lowRank else { return product(x, bias: bias, then: activation, plus: residual) }
        // f is of the sum.
        let share = lowRank.linear(x)
        guard let activation else {
            return product(x, bias: bias, then: nil, plus: residual.map { share + $0 } ?? share)
        }
        let result = activation(product(x, bias: bias, then: nil, plus: share))
        return residual.map { result + $0 } ?? result
    }

    private func product(
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
        let share = lowRank?.convolution(x, geometry)
        let added = share.map { share in residual.map { share + $0 } ?? share } ?? residual
        return x.convolution(value, bias: bias?.value, geometry, perSample: vectors, plus: added)
    }
}
