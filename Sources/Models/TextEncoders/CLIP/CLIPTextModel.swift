public import Configurations
public import NeuralNet
public import TensorCore

/// The text encoder of CLIP (Radford et al. 2021, section 2.4), with the parameter names of transformers'
/// `CLIPTextModel` and `CLIPTextModelWithProjection`. Padding is seen by what follows it, as by Stable Diffusion's.
public final class CLIPTextModel: TextEncoder {
    private let configuration: CLIPTextConfiguration
    private let tokens: TokenTable
    /// (maximum length, D).
    private let positions: Parameter
    private let layers: [CLIPTextLayer]
    private let finalNorm: LayerNorm
    private let projection: Linear?

    /// - Parameter c: checked; a configuration that contradicts itself is a programmer's error here.
    public init(_ c: CLIPTextConfiguration, on device: Device) {
        configuration = c
        tokens = TokenTable(c.vocabSize, c.hiddenSize, on: device)
        positions = Parameter([c.maxPositionEmbeddings, c.hiddenSize], .normal(deviation: 0.02), on: device)
        layers = (0..<c.numHiddenLayers).map { _ in CLIPTextLayer(c, on: device) }
        finalNorm = LayerNorm(c.hiddenSize, epsilon: Float(c.layerNormEps), on: device)
        projection = c.hasProjection ? Linear(c.hiddenSize, c.projectionDim, bias: false, on: device) : nil
    }

    public func visit(_ visitor: inout ParameterVisitor) {
        visitor("text_model.embeddings.token_embedding", tokens)
        visitor("text_model.embeddings.position_embedding.weight", positions)
        visitor("text_model.encoder.layers", layers)
        visitor("text_model.final_layer_norm", finalNorm)
        visitor("text_projection", projection)
    }

    public var vocabularySize: Int { tokens.count }
    public var placeholders: Parameter? { tokens.placeholders }
    public func setPlaceholders(_ vectors: Tensor?) { tokens.setPlaceholders(vectors) }

    public func callAsFunction(_ ids: [[Int]], layer: TextLayer, isPooled: Bool) -> TextEncoding {
        let length = ids.first?.count ?? 0
        precondition(
            length <= configuration.maxPositionEmbeddings && ids.allSatisfy { $0.count == length },
            "sequences are of one length up to \(configuration.maxPositionEmbeddings)")
        precondition(
            (0...layers.count).contains(layer.skipped), "\(layer.skipped) of \(layers.count) layers are left out")
        let width = configuration.hiddenSize
        var h = tokens(ids.flatMap(\.self)).reshaped(to: [ids.count, length, width])  // (N, S, D)
        h = h + positions.value.sliced(axis: 0, 0..<length)  // (N, S, D)
        let kept = layers.count - layer.skipped
        for block in layers[..<kept] { h = .recomputable([h]) { block($0[0]) } }  // (N, S, D)
        let taken = layer.isNormalized ? finalNorm(h) : h  // (N, S, D)
        guard isPooled else { return TextEncoding(tokens: taken) }
        for block in layers[kept...] { h = .recomputable([h]) { block($0[0]) } }  // (N, S, D)
        let ends = ids.enumerated().map { $0 * length + end(of: $1) }
        let last = finalNorm(h.reshaped(to: [ids.count * length, width]).rows(at: ends))  // (N, D)
        return TextEncoding(tokens: taken, pooled: projection.map { $0(last) } ?? last)  // (N, P)
    }

    /// The place of the token that is pooled: the first end of the text, or the first place where there is none. By old
    /// configurations it is the largest token of the vocabulary; placeholders, which transformers counts then, do not
    /// count.
    private func end(of ids: [Int]) -> Int {
        guard configuration.eosTokenId == 2 else { return ids.firstIndex(of: configuration.eosTokenId) ?? 0 }
        let largest = ids.filter { $0 < configuration.vocabSize }.max()
        return largest.flatMap { ids.firstIndex(of: $0) } ?? 0
    }
}

/// A transformer block of the text encoder.
private final class CLIPTextLayer: Module {
    private let norm1: LayerNorm
    private let attention: TokenAttention
    private let norm2: LayerNorm
    private let widen: Linear
    private let narrow: Linear
    private let activation: Activation

    init(_ c: CLIPTextConfiguration, on device: Device) {
        norm1 = LayerNorm(c.hiddenSize, epsilon: Float(c.layerNormEps), on: device)
        attention = TokenAttention(
            c.hiddenSize, heads: AttentionHeads(c.numAttentionHeads, size: c.hiddenSize / c.numAttentionHeads),
            bias: true, dropout: 0, names: .transformers, on: device)
        norm2 = LayerNorm(c.hiddenSize, epsilon: Float(c.layerNormEps), on: device)
        widen = Linear(c.hiddenSize, c.intermediateSize, on: device)
        narrow = Linear(c.intermediateSize, c.hiddenSize, on: device)
        activation = Activation(c.hiddenAct)
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("layer_norm1", norm1)
        visitor("self_attn", attention)
        visitor("layer_norm2", norm2)
        visitor("mlp.fc1", widen)
        visitor("mlp.fc2", narrow)
    }

    func callAsFunction(_ x: Tensor) -> Tensor {  // (N, S, D)
        let h = attention(norm1(x), mask: .causal, plus: x, dropout: nil)  // (N, S, D)
        return narrow(widen(norm2(h), then: activation), plus: h)  // (N, S, D)
    }
}

extension TokenAttention.Names {
    fileprivate static let transformers = Self(query: "q_proj", key: "k_proj", value: "v_proj", out: "out_proj")
}

extension CLIPTextConfiguration: TextEncoderBuilder {
    public func makeNetwork(on device: Device) -> CLIPTextModel { CLIPTextModel(self, on: device) }

    /// The numbers of the positions, which older files hold.
    public static func ignores(tensor name: String) -> Bool { name.hasSuffix("embeddings.position_ids") }
}
