public import TensorCore

/// y = x W^T + b.
public final class Linear: Module {
    /// (outputs, inputs).
    public let weight: Parameter
    /// (outputs).
    public let bias: Parameter?

    public init(_ inputs: Int, _ outputs: Int, bias: Bool = true, on device: Device) {
        weight = Parameter([outputs, inputs], .fanIn(inputs), on: device)
        self.bias = bias ? Parameter([outputs], .fanIn(inputs), on: device) : nil
    }

    public func visit(_ visitor: inout ParameterVisitor) {
        visitor("weight", weight)
        visitor("bias", bias)
    }

    /// (..., inputs) -> (..., outputs).
    public func callAsFunction(_ x: Tensor) -> Tensor { x.linear(weight.value, bias: bias?.value) }
}

/// A table of learned vectors, one for each index.
public final class Embedding: Module {
    /// (count, size).
    public let weight: Parameter

    public init(_ count: Int, _ size: Int, on device: Device) {
        weight = Parameter([count, size], .normal(deviation: 1), on: device)
    }

    public func visit(_ visitor: inout ParameterVisitor) { visitor("weight", weight) }

    /// (indices.count, size). Every index is below `count`.
    public func callAsFunction(_ indices: [Int]) -> Tensor { weight.value.rows(at: indices) }
}
