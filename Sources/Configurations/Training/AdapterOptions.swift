public import StrictJSON

/// The `adapter` of a fine-tuning: what is learned beside a base model's weights, which stay as they are.
public struct AdapterOptions: Described, Hashable {
    public enum Kind: String, Sendable, CaseIterable {
        /// Hu et al. 2022.
        case lora
    }

    public var kind = Kind.lora
    /// Columns of the lower factor.
    public var rank = 16
    /// The product of the factors is scaled by alpha / rank.
    public var alpha = 16.0
    public var targets = LayerKind.allCases
    /// Whether the text encoders have one too.
    public var textEncoder = false

    public init() {}

    public static let fields: [Field<Self>] = [
        Field("type", \.kind, .choice(), "The kind of adapter.", required: true),
        Field("rank", \.rank, .integer(in: 1...4096), "Rank of the change of each layer's weights."),
        Field(
            "alpha", \.alpha, .number(above: 0, upTo: 1e6),
            "The change is scaled by alpha / rank; the rank when left out."),
        Field(
            "targets", \.targets, .list(.choice(), count: 1...LayerKind.allCases.count),
            "Which layers have one: queries, keys, values and outputs of attention (attention), the linear layers between "
                + "attentions (feed_forward), convolutions of residual blocks and changes of size (convolution)."),
        Field(
            "text_encoder", \.textEncoder, .boolean,
            "Whether attention and feed_forward of the text encoders have one too."),
    ]

    public mutating func complete(from node: JSONNode) {
        if !node.gives("alpha") { alpha = Double(rank) }
    }
}
