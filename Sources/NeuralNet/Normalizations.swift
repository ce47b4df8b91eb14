public import TensorCore

/// Group normalization (Wu & He 2018), with the activation that follows it.
public final class GroupNorm: Module {
    public let weight: Parameter
    public let bias: Parameter
    public let groups: Int
    public let epsilon: Float

    public init(groups: Int, channels: Int, epsilon: Float = 1e-5, on device: Device) {
        weight = Parameter([channels], .constant(1), on: device)
        bias = Parameter([channels], .constant(0), on: device)
        self.groups = groups
        self.epsilon = epsilon
    }

    public func visit(_ visitor: inout ParameterVisitor) {
        visitor("weight", weight)
        visitor("bias", bias)
    }

    /// Shaped like the input (N, ..., C).
    public func callAsFunction(_ x: Tensor, then activation: NormActivation = .identity) -> Tensor {
        x.groupNorm(weight: weight.value, bias: bias.value, groups: groups, epsilon: epsilon, activation: activation)
    }

    /// The same for a part of images, without a gradient.
    ///
    /// - Parameter statistics: of the whole, from `GroupStatistics`.
    public func callAsFunction(
        _ x: Tensor, then activation: NormActivation = .identity, statistics: Tensor
    ) -> Tensor {
        x.groupNorm(weight: weight.value, bias: bias.value, statistics: statistics, activation: activation)
    }
}

/// Layer normalization (Ba et al. 2016) of the innermost axis.
public final class LayerNorm: Module {
    public let weight: Parameter?
    public let bias: Parameter?
    public let epsilon: Float

    /// - Parameter affine: whether it has a learned scale and shift.
    public init(_ channels: Int, affine: Bool = true, epsilon: Float = 1e-5, on device: Device) {
        weight = affine ? Parameter([channels], .constant(1), on: device) : nil
        bias = affine ? Parameter([channels], .constant(0), on: device) : nil
        self.epsilon = epsilon
    }

    public func visit(_ visitor: inout ParameterVisitor) {
        visitor("weight", weight)
        visitor("bias", bias)
    }

    public func callAsFunction(_ x: Tensor) -> Tensor {
        x.layerNorm(weight: weight?.value, bias: bias?.value, epsilon: epsilon)
    }
}
