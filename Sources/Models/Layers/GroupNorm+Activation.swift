internal import NeuralNet
internal import TensorCore

extension GroupNorm {
    /// f(norm(x)), in one pass over memory where there is a kernel for both.
    ///
    /// - Parameter statistics: of the whole images, where `x` is a part of them; nil: those of `x`.
    func activated(_ x: Tensor, by f: Activation, statistics: Tensor? = nil) -> Tensor {
        guard let statistics else { return f == .silu ? self(x, then: .silu) : f(self(x)) }
        return f == .silu ? self(x, then: .silu, statistics: statistics) : f(self(x, statistics: statistics))
    }
}
