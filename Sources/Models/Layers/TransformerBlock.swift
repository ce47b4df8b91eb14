package import NeuralNet
package import TensorCore

/// A transformer's block of tokens that attend to each other, then to a text, and then pass a gated feed-forward layer
/// (Rombach et al. 2022, "Latent diffusion", section 3.3; Shazeer 2020 for the gate). Each is behind a norm, with a
/// residual.
package final class TransformerBlock: Module {
    private let norm1: LayerNorm
    private let attention1: TokenAttention
    private let norm2: LayerNorm
    private let attention2: TokenAttention
    private let norm3: LayerNorm
    private let feedForward: FeedForward
    private let attendsToTextOnly: Bool

    /// - Parameters:
    ///   - heads: together as wide as the tokens.
    ///   - textWidth: of the text's tokens.
    ///   - attendsToTextOnly: whether the first attention is to the text too.
    package init(heads: AttentionHeads, textWidth: Int, attendsToTextOnly: Bool = false, on device: Device) {
        let width = heads.width
        func attention(_ contextWidth: Int?) -> TokenAttention {
            TokenAttention(width, contextWidth: contextWidth, heads: heads, bias: false, dropout: 0, on: device)
        }
        norm1 = LayerNorm(width, on: device)
        attention1 = attention(attendsToTextOnly ? textWidth : nil)
        norm2 = LayerNorm(width, on: device)
        attention2 = attention(textWidth)
        norm3 = LayerNorm(width, on: device)
        feedForward = FeedForward(width, .gated(.gelu), weights: nil, dropout: 0, on: device)
        self.attendsToTextOnly = attendsToTextOnly
    }

    package func visit(_ visitor: inout ParameterVisitor) {
        visitor("norm1", norm1)
        visitor("attn1", attention1)
        visitor("norm2", norm2)
        visitor("attn2", attention2)
        visitor("norm3", norm3)
        visitor("ff", feedForward)
    }

    /// - Parameters:
    ///   - x: (N, L, D).
    ///   - text: S tokens of each sample.
    /// - Returns: (N, L, D).
    package func callAsFunction(_ x: Tensor, to text: Condition.Text) -> Tensor {
        let mask = AttentionMask(keyCounts: text.counts)
        var h =
            attendsToTextOnly
            ? attention1(norm1(x), to: text.tokens, mask: mask, plus: x, dropout: nil)
            : attention1(norm1(x), plus: x, dropout: nil)  // (N, L, D)
        h = attention2(norm2(h), to: text.tokens, mask: mask, plus: h, dropout: nil)  // (N, L, D)
        return feedForward(norm3(h), plus: h, dropout: nil)  // (N, L, D)
    }
}
