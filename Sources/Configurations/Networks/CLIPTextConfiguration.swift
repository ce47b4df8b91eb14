internal import Problems
public import StrictJSON

/// `CLIPTextModel` and `CLIPTextModelWithProjection` of transformers (Radford et al. 2021, "Learning transferable
/// visual models from natural language supervision"): every key of their `config.json`, with its defaults.
public struct CLIPTextConfiguration: TextEncoderConfiguration {
    public static let architecture = "clip_text"
    public static let classNames = ["CLIPTextModel", "CLIPTextModelWithProjection"]
    public static let component = "text_encoder"
    public static let library = ConfigLibrary.transformers(modelType: "clip_text_model")

    /// Of the layers between tokens, with the names of transformers.
    public enum Activation: String, Sendable, CaseIterable {
        /// x sigmoid(1.702 x), as OpenAI's CLIP has it.
        case quickGELU = "quick_gelu"
        /// As OpenCLIP has it.
        case gelu
    }

    /// Whether the pooled vector goes through a last matrix: what tells the two classes apart.
    public var hasProjection = false
    /// Tokens.
    public var vocabSize = 49408
    /// D, the width of a token.
    public var hiddenSize = 512
    /// Width between the two layers of a feed-forward block.
    public var intermediateSize = 2048
    /// P, the width of the pooled vector behind the projection.
    public var projectionDim = 512
    public var numHiddenLayers = 12
    public var numAttentionHeads = 8
    /// The longest sequence.
    public var maxPositionEmbeddings = 77
    public var hiddenAct = Activation.quickGELU
    public var layerNormEps = 1e-5
    /// The token whose first place is pooled. 2, which files of transformers before 4.31 have, stands for the largest
    /// token of the sequence.
    public var eosTokenId = 49407
    /// Whether padding is hidden from the tokens. It never is here.
    public var useAttentionMask = false
    // What plays no part in the network, or in training from nothing only.
    public var attentionDropout = 0.0
    public var dropout = 0.0
    public var bosTokenId: Int? = 49406
    public var padTokenId: Int? = 1
    public var initializerFactor = 1.0
    public var initializerRange = 0.02

    public init() {}

    private static let token = Form<Int?>.optional(.integer(in: 0...Int(Int32.max)))

    public static let fields: [Field<Self>] = [
        Field("vocab_size", \.vocabSize, .integer(in: 1...4_194_304), "Tokens."),
        Field("hidden_size", \.hiddenSize, .integer(in: 1...16384), "Width of a token."),
        Field(
            "intermediate_size", \.intermediateSize, .integer(in: 1...65536),
            "Width between the two layers of a feed-forward block."),
        Field("projection_dim", \.projectionDim, .integer(in: 1...16384), "Width of the projected pooled vector."),
        Field("num_hidden_layers", \.numHiddenLayers, .integer(in: 1...256), "Transformer blocks."),
        Field("num_attention_heads", \.numAttentionHeads, .integer(in: 1...256), "Attention heads."),
        Field("max_position_embeddings", \.maxPositionEmbeddings, .integer(in: 3...65536), "The longest sequence."),
        Field("hidden_act", \.hiddenAct, .choice(), "Activation of the feed-forward blocks."),
        Field("layer_norm_eps", \.layerNormEps, .number(above: 0, upTo: 1), "Added to the variance in the norms."),
        Field(
            "eos_token_id", \.eosTokenId, .integer(in: 0...Int(Int32.max)),
            "The token whose first place is pooled; 2: the largest one."),
        Field("use_attention_mask", \.useAttentionMask, .boolean, "Whether padding is hidden; must be false."),
        Field(
            "attention_dropout", \.attentionDropout, .number(in: 0..<1), "Kept for transformers; nothing is dropped."),
        Field("dropout", \.dropout, .number(in: 0..<1), "Kept for transformers; plays no part."),
        Field("bos_token_id", \.bosTokenId, token, "Kept for transformers; the tokenizer decides."),
        Field("pad_token_id", \.padTokenId, token, "Kept for transformers; the tokenizer decides."),
        Field("initializer_factor", \.initializerFactor, .number(), "Kept for transformers; plays no part."),
        Field("initializer_range", \.initializerRange, .number(), "Kept for transformers; plays no part."),
    ]

    public static func read(config root: JSONNode, of className: String, into report: inout Report) -> Self? {
        guard var configuration = read(root, into: &report) else { return nil }
        configuration.hasProjection = className == classNames[1]
        return configuration
    }

    public func validate(_ checks: inout Checks) {
        if hiddenSize % numAttentionHeads != 0 {
            checks.fail(
                "hidden_size", and: ["num_attention_heads"],
                "hidden_size is \(hiddenSize), which num_attention_heads \(numAttentionHeads) does not divide",
                remedy: "Use a multiple of \(numAttentionHeads).")
        }
        if useAttentionMask {
            checks.fail(
                "use_attention_mask", "a text encoder that hides padding is not supported",
                remedy: "diffd knows CLIP as Stable Diffusion uses it, where padding is seen.", code: .unsupported)
        }
        checks.boundParameters(
            parameters, "hidden_size", and: ["num_hidden_layers", "intermediate_size", "vocab_size"])
    }
}

extension CLIPTextConfiguration {
    public var className: String { Self.classNames[hasProjection ? 1 : 0] }
    public var isDiffusersClass: Bool { true }

    public var vocabularySize: Int { vocabSize }
    public var maximumLength: Int? { maxPositionEmbeddings }
    public var width: Int { hiddenSize }
    public var pooledWidth: Int? { hasProjection ? projectionDim : hiddenSize }
    public var layerCount: Int { numHiddenLayers }

    /// Of a sequence of the full length.
    public var cost: NetworkCost? {
        // As floating-point numbers: those of absurd configurations exceed an integer.
        let (d, l, hidden) = (Double(hiddenSize), Double(maxPositionEmbeddings), Double(intermediateSize))
        let layer = l * (4 * d * d + 2 * d * hidden) + 2 * l * l * d
        let projection = hasProjection ? d * Double(projectionDim) : 0
        return NetworkCost(parameters: parameters, multiplyAdds: Double(numHiddenLayers) * layer + projection)
    }

    private var parameters: Int {
        let (d, norm) = (hiddenSize, 2 * hiddenSize)
        let attention = 4 * (d * d + d)
        let feedForward = 2 * d * intermediateSize + intermediateSize + d
        return (vocabSize + maxPositionEmbeddings) * d + numHiddenLayers * (attention + feedForward + 2 * norm) + norm
            + (hasProjection ? d * projectionDim : 0)
    }
}
