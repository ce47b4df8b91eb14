internal import CKernels

/// A function applied to every element.
package enum Unary: String, CaseIterable, Sendable {
    case silu, gelu, geluTanh, quickGELU, relu, exp, log, squareRoot, square, magnitude, tanh, sigmoid, sin, cos, negate

    private var kernel: CKUnary {
        switch self {
        case .silu: .silu
        case .gelu: .gelu
        case .geluTanh: .geluTanh
        case .quickGELU: .quickGelu
        case .relu: .relu
        case .exp: .exp
        case .log: .log
        case .squareRoot: .sqrt
        case .square: .square
        case .magnitude: .abs
        case .tanh: .tanh
        case .sigmoid: .sigmoid
        case .sin: .sin
        case .cos: .cos
        case .negate: .negate
        }
    }

    /// Whether the derivative reads the input, and so the input is kept.
    var keepsInput: Bool { ck_unary_derivative_reads_input(kernel) && !ck_unary_derivative_reads_output(kernel) }

    package func apply(_ x: Tensor) -> Tensor {
        let result = Tensor(uninitialized: x.shape, on: x.device)
        x.device.forEachRun(ofRows: x.elementCount) { range in
            ck_unary(kernel, result.pointer + range.lowerBound, x.pointer + range.lowerBound, range.count)
        }
        // Only what the derivative reads is kept.
        return result.recorded(
            .unary(self), inputs: [x],
            saving: ck_unary_derivative_reads_output(kernel)
                ? [result] : ck_unary_derivative_reads_input(kernel) ? [x] : [])
    }

    /// g f'(x), from what `apply` saved.
    func gradient(_ g: Tensor, saved: Tensor?) -> Tensor {
        let result = Tensor(uninitialized: g.shape, on: g.device)
        let input = ck_unary_derivative_reads_input(kernel) ? saved?.pointer : nil
        let output = ck_unary_derivative_reads_output(kernel) ? saved?.pointer : nil
        g.device.forEachRun(ofRows: g.elementCount) { range in
            let first = range.lowerBound
            ck_unary_backward(
                kernel, result.pointer + first, g.pointer + first, input.map { $0 + first }, output.map { $0 + first },
                range.count)
        }
        return result
    }
}

extension Tensor {
    /// x sigmoid(x) (Elfwing et al. 2017).
    public func silu() -> Tensor { Unary.silu.apply(self) }
    /// x Phi(x), by the error function (Hendrycks & Gimpel 2016).
    public func gelu() -> Tensor { Unary.gelu.apply(self) }
    /// The tanh approximation of GELU.
    public func geluTanh() -> Tensor { Unary.geluTanh.apply(self) }
    /// x sigmoid(1.702 x), the approximation of GELU that CLIP has (Hendrycks & Gimpel 2016).
    public func quickGELU() -> Tensor { Unary.quickGELU.apply(self) }
    public func relu() -> Tensor { Unary.relu.apply(self) }
    public func exp() -> Tensor { Unary.exp.apply(self) }
    /// The natural logarithm.
    public func log() -> Tensor { Unary.log.apply(self) }
    public func squareRoot() -> Tensor { Unary.squareRoot.apply(self) }
    public func squared() -> Tensor { Unary.square.apply(self) }
    /// |x|.
    public func magnitude() -> Tensor { Unary.magnitude.apply(self) }
    public func tanh() -> Tensor { Unary.tanh.apply(self) }
    public func sigmoid() -> Tensor { Unary.sigmoid.apply(self) }
    public func sin() -> Tensor { Unary.sin.apply(self) }
    public func cos() -> Tensor { Unary.cos.apply(self) }
    public static prefix func - (x: Tensor) -> Tensor { Unary.negate.apply(x) }
}
