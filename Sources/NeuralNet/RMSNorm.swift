public import TensorCore

/// RMS normalization (Zhang & Sennrich 2019) of the innermost axis.
public final class RMSNorm: Module {
    /// (channels).
    public let weight: Parameter?
    public let epsilon: Float

    /// - Parameter affine: whether it has a learned scale.
    public init(_ channels: Int, affine: Bool = true, epsilon: Float = 1e-6, on device: Device) {
        weight = affine ? Parameter([channels], .constant(1), on: device) : nil
        self.epsilon = epsilon
    }

    public func visit(_ visitor: inout ParameterVisitor) { visitor("weight", weight) }

    /// Shaped like the input (..., channels).
    public func callAsFunction(_ x: Tensor) -> Tensor { x.rmsNorm(weight: weight?.value, epsilon: epsilon) }
}
