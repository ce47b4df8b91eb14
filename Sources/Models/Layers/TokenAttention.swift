package import NeuralNet
package import TensorCore

/// Multi-head attention of tokens to themselves or to a context (Vaswani et al. 2017, section 3.2).
package final class TokenAttention: Module {
    /// What the projections are called in a checkpoint.
    package struct Names: Sendable {
        package var query, key, value, out: String

        package init(query: String, key: String, value: String, out: String) {
            (self.query, self.key, self.value, self.out) = (query, key, value, out)
        }

        package static let diffusers = Names(query: "to_q", key: "to_k", value: "to_v", out: "to_out.0")
    }

    private let toQuery: Linear
    private let toKey: Linear
    private let toValue: Linear
    private let toOut: Linear
    private let queryNorm: RMSNorm?
    private let keyNorm: RMSNorm?
    private let heads: AttentionHeads
    private let scale: Float
    private let dropout: Float
    private let names: Names

    /// - Parameters:
    ///   - width: of the tokens.
    ///   - contextWidth: of the tokens attended to; `width` when left out.
    ///   - heads: together as wide as the tokens, or not.
    ///   - scale: of the scores; 1 / sqrt(size of a head) when left out.
    ///   - bias: of queries, keys and values.
    ///   - outBias: of the last layer.
    ///   - normEpsilon: of an RMS norm of each head's queries and keys; nil for no norm.
    ///   - weights: first weights by inputs and outputs, with biases of 0; PyTorch's of both when left out.
    ///   - dropout: probability, after the last layer.
    package init(
        _ width: Int, contextWidth: Int? = nil, heads: AttentionHeads, scale: Float? = nil, bias: Bool,
        outBias: Bool = true, normEpsilon: Float? = nil,
        weights: ((_ inputs: Int, _ outputs: Int) -> Initializer)? = nil, dropout: Float, names: Names = .diffusers,
        on device: Device
    ) {
        func projection(_ inputs: Int, _ outputs: Int, bias: Bool) -> Linear {
            Linear(inputs, outputs, bias: bias, weights: weights?(inputs, outputs), on: device)
        }
        toQuery = projection(width, heads.width, bias: bias)
        toKey = projection(contextWidth ?? width, heads.width, bias: bias)
        toValue = projection(contextWidth ?? width, heads.width, bias: bias)
        toOut = projection(heads.width, width, bias: outBias)
        queryNorm = normEpsilon.map { RMSNorm(heads.size, epsilon: $0, on: device) }
        keyNorm = normEpsilon.map { RMSNorm(heads.size, epsilon: $0, on: device) }
        self.heads = heads
        self.scale = scale ?? heads.scale
        self.dropout = dropout
        self.names = names
    }

    package func visit(_ visitor: inout ParameterVisitor) {
        visitor(names.query, toQuery)
        visitor(names.key, toKey)
        visitor(names.value, toValue)
        visitor(names.out, toOut)
        visitor("norm_q", queryNorm)
        visitor("norm_k", keyNorm)
    }

    /// - Parameters:
    ///   - x: (N, L, D).
    ///   - context: the tokens attended to (N, S, context width); `x` itself when left out.
    ///   - mask: which of them each token attends to.
    ///   - bias: added to the scaled scores, (heads, L, S) or (N, heads, L, S).
    ///   - residual: (N, L, D), added to the result.
    /// - Returns: (N, L, D).
    package func callAsFunction(
        _ x: Tensor, to context: Tensor? = nil, mask: AttentionMask = .none, bias: Tensor? = nil,
        plus residual: Tensor? = nil, dropout masks: DropoutMasks?
    ) -> Tensor {
        let context = context ?? x
        let query = heads.normalized(toQuery(x), by: queryNorm)  // (N, L, heads)
        let key = heads.normalized(toKey(context), by: keyNorm)  // (N, S, heads)
        let attended = query.attention(
            key: key, value: toValue(context), heads: heads.count, scale: scale, mask: mask, bias: bias)
        guard let masks, dropout > 0 else { return toOut(attended, plus: residual) }
        let out = masks.drop(toOut(attended), probability: dropout)
        return residual.map { out + $0 } ?? out
    }
}
