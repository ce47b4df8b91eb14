internal import TensorCore

/// What is learned beside the frozen weight W of a layer (Hu et al. 2022, "LoRA", equation 3): y = W x + s B (A x), with few
/// rows in A. For a convolution A has its kernel and geometry, and B is one of 1 x 1.
public final class LowRankPair {
    /// (r, inputs), or (r, inputs, kH, kW) in PyTorch's order. Begins as PyTorch's linear layers do, as in PEFT.
    public let a: Parameter
    /// (outputs, r), or (outputs, r, 1, 1). Begins with zeros: the layer computes what it did.
    public let b: Parameter
    /// alpha / r.
    public let scale: Float

    /// - Parameter weight: that of the layer, a matrix or a kernel.
    init(beside weight: Parameter, rank: Int, alpha: Double) {
        let shape = weight.fileShape
        let inputs = shape[1...].reduce(1, *)
        let ones = shape.dropFirst(2).map { _ in 1 }
        a = Parameter(
            Shape([rank] + shape[1...]), layout: weight.layout, .fanIn(inputs), on: weight.device)
        b = Parameter(
            Shape([shape[0], rank] + ones), layout: weight.layout, .constant(0), on: weight.device)
        scale = Float(alpha / Double(rank))
    }

    /// s x A^T B^T, (..., outputs) for (..., inputs).
    func linear(_ x: Tensor) -> Tensor { x.linear(a.value).linear(b.value) * scale }

    /// (N, H', W', outputs) for (N, H, W, inputs).
    func convolution(_ x: Tensor, _ geometry: ConvolutionGeometry) -> Tensor {
        let inner = x.convolution(a.value, bias: nil, geometry)  // (N, H', W', r)
        return inner.convolution(b.value, bias: nil, ConvolutionGeometry(kernel: 1)) * scale
    }
}
