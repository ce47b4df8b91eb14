internal import CKernels

/// A layer's activation function. Products apply it to their results while these are in cache.
package enum Activation: Sendable, Hashable, CaseIterable {
    case silu, gelu, geluTanh, quickGELU, relu

    var kernel: CKActivation {
        switch self {
        case .silu: .silu
        case .gelu: .gelu
        case .geluTanh: .geluTanh
        case .quickGELU: .quickGelu
        case .relu: .relu
        }
    }

    /// The same function as an operation of its own.
    package var unary: Unary {
        switch self {
        case .silu: .silu
        case .gelu: .gelu
        case .geluTanh: .geluTanh
        case .quickGELU: .quickGELU
        case .relu: .relu
        }
    }

    package func callAsFunction(_ x: Tensor) -> Tensor { unary.apply(x) }
}
