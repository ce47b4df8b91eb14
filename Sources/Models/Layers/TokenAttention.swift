package import NeuralNet
package import TensorCore

/// Multi-head attention of tokens to themselves or to a context (Vaswani et al. 2017, section 3.2).
package final class TokenAttention: Module {
    private let toQuery: Linear
    private let toKey: Linear
    private let toValue: Linear
    private let toOut: Linear
    private let heads: AttentionHeads
    private let dropout: Float

    /// - Parameters:
    ///   - width: of the tokens.
    ///   - contextWidth: of the tokens attended to; `width` when left out.
    ///   - heads: together as wide as the tokens, or not.
    ///   - bias: of queries, keys and values.
    ///   - outBias: of the last layer.
    ///   - weights: first weights by inputs and outputs, with biases of 0; PyTorch's of both when left out.
    ///   - dropout: probability, after the last layer.
    package init(
        _ width: Int, contextWidth: Int? = nil, heads: AttentionHeads, bias: Bool, outBias: Bool = true,
        weights: ((_ inputs: Int, _ outputs: Int) -> Initializer)? = nil, dropout: Float, on device: Device
    ) {
        func projection(_ inputs: Int, _ outputs: Int, bias: Bool) -> Linear {
            Linear(inputs, outputs, bias: bias, weights: weights?(inputs, outputs), on: device)
        }
        toQuery = projection(width, heads.width, bias: bias)
        toKey = projection(contextWidth ?? width, heads.width, bias: bias)
        toValue = projection(contextWidth ?? width, heads.width, bias: bias)
        toOut = projection(heads.width, width, bias: outBias)
        self.heads = heads
        self.dropout = dropout
    }

    package func visit(_ visitor: inout ParameterVisitor) {
        visitor("to_q", toQuery)
        visitor("to_k", toKey)
        visitor("to_v", toValue)
        visitor("to_out.0", toOut)
    }

    /// - Parameters:
    ///   - x: (N, L, D).
    ///   - context: the tokens attended to (N, S, context width); `x` itself when left out.
    ///   - residual: (N, L, D), added to the result.
    /// - Returns: (N, L, D).
    package func callAsFunction(
        _ x: Tensor, to context: Tensor? = nil, plus residual: Tensor? = nil, dropout masks: DropoutMasks?
    ) -> Tensor {
        let context = context ?? x
        let attended = toQuery(x).attention(
            key: toKey(context), value: toValue(context), heads: heads.count, scale: heads.scale)  // (N, L, heads)
        guard let masks, dropout > 0 else { return toOut(attended, plus: residual) }
        let out = masks.drop(toOut(attended), probability: dropout)
        return residual.map { out + $0 } ?? out
    }
}
