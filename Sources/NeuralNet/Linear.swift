public import TensorCore

/// y = x W^T + b.
public final class Linear: Module {
    /// (outputs, inputs).
    public let weight: Parameter
    /// (outputs).
    public let bias: Parameter?

    /// - Parameters:
    ///   - weights: their first values, with biases of 0; PyTorch's of both when left out.
    ///   - isHidden: whether it leads from features to features: see `Parameter`.
    public init(
        _ inputs: Int, _ outputs: Int, bias: Bool = true, weights: Initializer? = nil, isHidden: Bool = true,
        on device: Device
    ) {
        weight = Parameter([outputs, inputs], weights ?? .fanIn(inputs), isHiddenMatrix: isHidden, on: device)
        let biases = weights == nil ? Initializer.fanIn(inputs) : .constant(0)
        self.bias = bias ? Parameter([outputs], biases, on: device) : nil
    }

    public func visit(_ visitor: inout ParameterVisitor) {
        visitor("weight", weight)
        visitor("bias", bias)
    }

    /// (..., inputs) -> (..., outputs).
    public func callAsFunction(_ x: Tensor) -> Tensor { self(x, then: nil) }

    /// f(x W^T + b) + residual, the latter (..., outputs). All products of the layer are this one: what is added to x
    /// W^T, such as a low-rank adapter's share, is added here.
    package func callAsFunction(
        _ x: Tensor, then activation: Activation? = nil, plus residual: Tensor? = nil
    ) -> Tensor {
        weight.linear(x, bias: bias, then: activation, plus: residual)
    }
}

/// A table of learned vectors, one for each index.
public final class Embedding: Module {
    /// (count, size).
    public let weight: Parameter

    /// - Parameter deviation: of the vectors' first values.
    public init(_ count: Int, _ size: Int, deviation: Float = 1, on device: Device) {
        weight = Parameter([count, size], .normal(deviation: deviation), on: device)
    }

    public func visit(_ visitor: inout ParameterVisitor) { visitor("weight", weight) }

    /// (indices.count, size). Every index is below `count`.
    public func callAsFunction(_ indices: [Int]) -> Tensor { weight.value.rows(at: indices) }
}
