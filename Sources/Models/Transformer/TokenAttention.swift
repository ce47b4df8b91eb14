package import NeuralNet
package import TensorCore

/// Multi-head attention of tokens to themselves or to others (Vaswani et al. 2017, section 3.2).
package final class TokenAttention: Module {
    private let toQuery: Linear
    private let toKey: Linear
    private let toValue: Linear
    private let toOut: Linear
    private let heads: Int
    private let dropout: Float

    /// - Parameters:
    ///   - width: of the tokens, of those attended to, and of the heads together.
    ///   - bias: of queries, keys and values.
    ///   - dropout: probability, after the last layer.
    package init(_ width: Int, heads: Int, bias: Bool, dropout: Float, on device: Device) {
        func projection(bias: Bool = true) -> Linear {
            Linear(width, width, bias: bias, weights: .xavier(width, width), on: device)
        }
        toQuery = projection(bias: bias)
        toKey = projection(bias: bias)
        toValue = projection(bias: bias)
        toOut = projection()
        self.heads = heads
        self.dropout = dropout
    }

    package func visit(_ visitor: inout ParameterVisitor) {
        visitor("to_q", toQuery)
        visitor("to_k", toKey)
        visitor("to_v", toValue)
        visitor("to_out.0", toOut)
    }

    /// - Parameter context: the tokens attended to (N, S, D); `x` itself when left out.
    package func callAsFunction(_ x: Tensor, to context: Tensor? = nil, dropout masks: DropoutMasks?) -> Tensor {
        let context = context ?? x  // x (N, L, D)
        let scale = 1 / Float(x.shape[2] / heads).squareRoot()
        let attended = toQuery(x).attention(key: toKey(context), value: toValue(context), heads: heads, scale: scale)
        let out = toOut(attended)  // (N, L, D)
        return masks?.drop(out, probability: dropout) ?? out
    }
}
