package import Configurations
package import NeuralNet
package import TensorCore

/// The layers that all kinds of block have: attention and feed-forward, each behind a norm.
private struct Layers {
    let norm1: LayerNorm
    let attention: TokenAttention
    let norm3: LayerNorm
    let feedForward: FeedForward

    /// - Parameters:
    ///   - affine: whether the norms have a learned scale and shift.
    ///   - epsilon: of the first norm; that of the other is the configuration's.
    ///   - isMixing: whether the feed-forward layer mixes neighbours.
    init(
        _ c: DiTConfiguration, affine: (Bool, Bool), epsilon: Double, isMixing: Bool = false, on device: Device
    ) {
        norm1 = LayerNorm(c.width, affine: affine.0, epsilon: Float(epsilon), on: device)
        attention = TokenAttention(c, on: device)
        norm3 = LayerNorm(c.width, affine: affine.1, epsilon: Float(c.normEps), on: device)
        feedForward = FeedForward(
            c.width, FeedForward.Activation(c.activationFn), isMixing: isMixing, dropout: Float(c.dropout), on: device)
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("norm1", norm1)
        visitor("attn1", attention)
        visitor("norm3", norm3)
        visitor("ff", feedForward)
    }
}

/// A block with adaLN-Zero: norms, and gates of what is added, all told by timestep and class (section 3.2).
package final class AdaNormZeroBlock: Module {
    private let embedder: ConditionEmbedder
    private let modulation: Linear
    private let layers: Layers

    /// - Parameter isMixing: whether the feed-forward layer mixes neighbours.
    package init(_ c: DiTConfiguration, isMixing: Bool = false, on device: Device) {
        embedder = ConditionEmbedder(c, on: device)
        modulation = Linear(c.width, 6 * c.width, weights: .constant(0), isHidden: false, on: device)
        layers = Layers(
            c, affine: (false, c.normElementwiseAffine), epsilon: 1e-6, isMixing: isMixing, on: device)
    }

    package func visit(_ visitor: inout ParameterVisitor) {
        visitor("norm1.emb", embedder)
        visitor("norm1.linear", modulation)
        layers.visit(&visitor)
    }

    /// Timestep and class by this block's own embedder (N, D).
    func embed(_ vectors: DiTVectors) -> Tensor { embedder(vectors) }

    /// - Parameters:
    ///   - c: what `embed` returned.
    ///   - grid: rows and columns of the tokens; nil where neighbours are not mixed.
    ///   - attend: applies the attention to the tokens so that those see each other that should; all of a sample when left out.
    package func callAsFunction(
        _ x: Tensor, _ c: Tensor, grid: TokenGrid? = nil, dropout: DropoutMasks?,
        attend: (_ tokens: Tensor, _ attention: (Tensor) -> Tensor) -> Tensor = { $1($0) }
    ) -> Tensor {  // x (N, L, D), c (N, D)
        let m = modulation(c.silu()).vectors(6)  // 6 x (N, D)
        let (attended, transformed) = (Modulation(shift: m[0], scale: m[1]), Modulation(shift: m[3], scale: m[4]))
        let mixed = attend(attended(layers.norm1, x)) { layers.attention($0, dropout: dropout) }  // (N, L, D)
        let h = x.adding(mixed, gatedBy: m[2])  // (N, L, D)
        return h.adding(
            layers.feedForward(transformed(layers.norm3, h), grid: grid, dropout: dropout), gatedBy: m[5])  // (N, L, D)
    }
}

/// A block with adaLN: norms told by timestep and class.
final class AdaNormBlock: Module {
    private let modulation: Linear
    private let layers: Layers

    init(_ c: DiTConfiguration, on device: Device) {
        modulation = Linear(c.width, 4 * c.width, weights: .constant(0), isHidden: false, on: device)
        layers = Layers(c, affine: (false, false), epsilon: c.normEps, on: device)
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("norm1.linear", modulation)
        layers.visit(&visitor)
    }

    func callAsFunction(_ x: Tensor, _ c: Tensor, dropout: DropoutMasks?) -> Tensor {  // x (N, L, D), c (N, D)
        let m = modulation(c.silu()).vectors(4)  // 4 x (N, D)
        let (attended, transformed) = (Modulation(shift: m[0], scale: m[1]), Modulation(shift: m[2], scale: m[3]))
        let h = x + layers.attention(attended(layers.norm1, x), dropout: dropout)  // (N, L, D)
        return h + layers.feedForward(transformed(layers.norm3, h), dropout: dropout)  // (N, L, D)
    }
}

/// The block of a vision transformer; with conditions among its tokens, the in-context one. With a second attention, to
/// tokens of timestep and class, the one with cross-attention.
final class PlainBlock: Module {
    private let layers: Layers
    private let norm2: LayerNorm?
    private let crossAttention: TokenAttention?

    init(_ c: DiTConfiguration, on device: Device) {
        layers = Layers(c, affine: (true, true), epsilon: c.normEps, on: device)
        let isCrossed = c.normType == .crossAttention
        norm2 = isCrossed ? LayerNorm(c.width, epsilon: Float(c.normEps), on: device) : nil
        crossAttention = isCrossed ? TokenAttention(c, on: device) : nil
    }

    func visit(_ visitor: inout ParameterVisitor) {
        layers.visit(&visitor)
        visitor("norm2", norm2)
        visitor("attn2", crossAttention)
    }

    /// - Parameter context: tokens of timestep and class (N, 2, D) for the cross-attention.
    func callAsFunction(_ x: Tensor, context: Tensor? = nil, dropout: DropoutMasks?) -> Tensor {  // x (N, L, D)
        var h = x + layers.attention(layers.norm1(x), dropout: dropout)  // (N, L, D)
        if let norm2, let crossAttention { h = h + crossAttention(norm2(h), to: context, dropout: dropout) }
        return h + layers.feedForward(layers.norm3(h), dropout: dropout)  // (N, L, D)
    }
}
