import Problems
public import StrictJSON

/// A text encoder that is trained together with the network that reads from it: a small `CLIPTextModel`, and a vocabulary
/// that is learned from the captions.
public struct TextTransformerConfiguration: Described, Hashable {
    public static let architecture = "text_transformer"

    /// At most: fewer where captions have fewer pairs to join.
    public var vocabSize = 1024
    /// Width of a token.
    public var hiddenSize = 128
    /// Width between the two layers of a feed-forward block; nil: 4 x `hiddenSize`.
    public var intermediateSize: Int?
    public var numHiddenLayers = 3
    public var numAttentionHeads = 4
    /// Tokens of a sequence, with its beginning and end.
    public var maxPositionEmbeddings = 32

    public init() {}

    /// The fewest tokens: all bytes, within words and at their ends, and the two ends of a text.
    private static let leastVocabulary = 2 * 256 + 2

    public static let fields: [Field<Self>] = [
        Field(
            "vocab_size", \.vocabSize, .integer(in: leastVocabulary...65536),
            "Tokens at most, learned from the captions."),
        Field("hidden_size", \.hiddenSize, .integer(in: 1...4096), "Width of a token."),
        Field(
            "intermediate_size", \.intermediateSize, .optional(.integer(in: 1...16384)),
            "Width between the two layers of a feed-forward block; null: 4 x hidden_size."),
        Field("num_hidden_layers", \.numHiddenLayers, .integer(in: 1...48), "Transformer blocks."),
        Field("num_attention_heads", \.numAttentionHeads, .integer(in: 1...64), "Attention heads."),
        Field(
            "max_position_embeddings", \.maxPositionEmbeddings, .integer(in: 3...1024),
            "Tokens of a caption, with its beginning and end."),
    ]

    public func validate(_ checks: inout Checks) {
        guard hiddenSize % numAttentionHeads != 0 else { return }
        checks.fail(
            "hidden_size", and: ["num_attention_heads"],
            "hidden_size is \(hiddenSize), which num_attention_heads \(numAttentionHeads) does not divide",
            remedy: "Use a multiple of \(numAttentionHeads).")
    }

    /// The network for a vocabulary whose last token ends a text, and the one before begins it.
    public func network(vocabulary: Int) -> CLIPTextConfiguration {
        var clip = CLIPTextConfiguration()
        clip.vocabSize = vocabulary
        clip.hiddenSize = hiddenSize
        clip.intermediateSize = intermediateSize ?? 4 * hiddenSize
        clip.projectionDim = hiddenSize
        clip.numHiddenLayers = numHiddenLayers
        clip.numAttentionHeads = numAttentionHeads
        clip.maxPositionEmbeddings = maxPositionEmbeddings
        (clip.bosTokenId, clip.eosTokenId, clip.padTokenId) = (vocabulary - 2, vocabulary - 1, vocabulary - 1)
        return clip
    }
}
