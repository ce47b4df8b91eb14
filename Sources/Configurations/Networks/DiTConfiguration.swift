internal import Problems
public import StrictJSON

/// The diffusion transformer (Peebles & Xie 2023): every key of `DiTTransformer2DModel`'s `config.json` in diffusers, with its
/// defaults, and a few of ours for what that class lacks.
public struct DiTConfiguration: DenoiserConfiguration {
    public static let architecture = "dit"
    /// `Transformer2DModel` is what diffusers called a DiT before that had a class of its own, and other transformers,
    /// which are not supported; `DiT` one that diffusers' class does not compute.
    public static let classNames = ["DiTTransformer2DModel", "Transformer2DModel", "DiT"]
    public static let component = "transformer"
    public static let classCountKey = "num_embeds_ada_norm"
    /// diffusers counts the null class beside them.
    public static let classCountHasNull = false

    /// How a block is told timestep and class (section 3.2).
    public enum Conditioning: String, Sendable, CaseIterable {
        /// Scale, shift and gate of each layer, which start at zero: the block starts as the identity.
        case adaNormZero = "ada_norm_zero"
        /// Scale and shift of each norm.
        case adaNorm = "ada_norm"
        /// Attention to two tokens beside the image's.
        case crossAttention = "cross_attention"
        /// Two more tokens among the image's.
        case inContext = "in_context"
    }

    /// The feed-forward layer's activation, with diffusers' names. The gated ones multiply one half of twice the width with
    /// the activation of the other.
    public enum Activation: String, Sendable, CaseIterable {
        case gelu
        case geluApproximate = "gelu-approximate"
        case geglu
        /// x sigmoid(1.702 x), which diffusers calls so though it is not gated.
        case quickGELU = "geglu-approximate"
        case swiglu
        case silu = "linear-silu"

        public var isGated: Bool { self == .geglu || self == .swiglu }
    }

    public enum Positions: String, Sendable, CaseIterable {
        /// Sines and cosines of row and column, for pictures of any size.
        case sincos
        /// A learned vector for each patch of a picture of `sampleSize`.
        case learned
    }

    /// Fills in what is not given: widths and depth of the paper's table 1, and the patch size.
    public var preset: DiTPreset?
    public var numAttentionHeads = 16
    public var attentionHeadDim = 72
    public var inChannels = 4
    /// Nil: as many as come in.
    public var outChannels: Int?
    public var numLayers = 28
    public var dropout = 0.0
    /// A key of diffusers' class that plays no part in its network, nor here.
    public var normNumGroups = 32
    public var attentionBias = true
    /// Height and width of a sample.
    public var sampleSize = 32
    public var patchSize = 2
    public var activationFn = Activation.geluApproximate
    /// Number of classes; the table has one more row, which stands for no class. Nil: no classes.
    public var numEmbedsAdaNorm: Int? = 1000
    /// Whether diffusers computes attention in 32 bits, as is always done here.
    public var upcastAttention = false
    public var normType = Conditioning.adaNormZero
    /// Whether the norm before the feed-forward layer has a learned scale and shift.
    public var normElementwiseAffine = false
    /// Of the norm before the feed-forward layer; of all norms in blocks other than adaLN-Zero's.
    public var normEps = 1e-5
    public var posEmbedType = Positions.sincos
    /// Subtracted from the number of the timestep's frequencies in their exponent: 1 in diffusers, 0 in the paper's own code.
    public var freqShift = 1

    public init() {}

    public static let fields: [Field<Self>] = [
        Field(
            "preset", \.preset, .optional(.choice()),
            "Widths, depth and patch size of the paper's table, for keys that are left out."),
        Field("num_attention_heads", \.numAttentionHeads, .integer(in: 1...256), "Attention heads."),
        Field("attention_head_dim", \.attentionHeadDim, .integer(in: 1...1024), "Size of an attention head."),
        Field("in_channels", \.inChannels, .integer(in: 1...1024), "Channels of the input."),
        Field(
            "out_channels", \.outChannels, .optional(.integer(in: 1...2048)),
            "Channels of the output; in_channels when null."),
        Field("num_layers", \.numLayers, .integer(in: 1...256), "Transformer blocks."),
        Field("dropout", \.dropout, .number(in: 0..<1), "Probability of dropout in the blocks."),
        Field("norm_num_groups", \.normNumGroups, .integer(in: 1...16384), "Kept for diffusers; plays no part."),
        Field("attention_bias", \.attentionBias, .boolean, "Biases of queries, keys and values."),
        Field("sample_size", \.sampleSize, .integer(in: 1...ImageSize.maximumSide), "Height and width of a sample."),
        Field("patch_size", \.patchSize, .integer(in: 1...256), "Height and width of a patch, which becomes a token."),
        Field("activation_fn", \.activationFn, .choice(), "Activation of the feed-forward layers."),
        Field(
            "num_embeds_ada_norm", \.numEmbedsAdaNorm, .optional(.integer(in: 1...1_000_000)),
            "Number of classes, beside which there is the null class; null: no classes."),
        Field("upcast_attention", \.upcastAttention, .boolean, "Kept for diffusers; all is computed in 32 bits."),
        Field("norm_type", \.normType, .choice(), "How a block is told timestep and class."),
        Field(
            "norm_elementwise_affine", \.normElementwiseAffine, .boolean,
            "A learned scale and shift in the norm before the feed-forward layer."),
        Field(
            "norm_eps", \.normEps, .number(above: 0, upTo: 1),
            "Added to the variance in the norm before the feed-forward layer."),
        Field("pos_embed_type", \.posEmbedType, .choice(), "How a token is told its place."),
        Field(
            "freq_shift", \.freqShift, .integer(in: 0...1),
            "Subtracted from the number of the timestep's frequencies; 0 for weights of the paper's own code."),
    ]

    public mutating func complete(from node: JSONNode) {
        guard let preset else { return }
        let size = preset.size
        if !node.gives("num_attention_heads") { numAttentionHeads = size.heads }
        if !node.gives("attention_head_dim") { attentionHeadDim = size.width / size.heads }
        if !node.gives("num_layers") { numLayers = size.layers }
        if !node.gives("patch_size") { patchSize = preset.patchSize }
    }

    /// D, the width of a token.
    public var width: Int { numAttentionHeads * attentionHeadDim }

    /// Channels of the output.
    public var outputChannels: Int { outChannels ?? inChannels }

    public var className: String { isDiffusersClass ? "DiTTransformer2DModel" : "DiT" }

    /// Whether `DiTTransformer2DModel` of diffusers computes it.
    public var isDiffusersClass: Bool {
        normType == .adaNormZero && numEmbedsAdaNorm != nil && posEmbedType == .sincos && freqShift == 1
    }

    public var classConditioning: ClassConditioning {
        numEmbedsAdaNorm.map { .table(count: $0, null: $0) } ?? .none
    }

    /// Keys that diffusers' class lacks.
    private static let ownKeys: Set = ["preset", "pos_embed_type", "freq_shift"]

    /// As in `config.json`. diffusers' pipeline wants a number for `out_channels`.
    public var configJSON: JSONNode {
        var copy = self
        copy.outChannels = outputChannels
        let dropped = isDiffusersClass ? Self.ownKeys : ["preset"]
        return JSONNode(.object((copy.json.members ?? []).filter { !dropped.contains($0.name) }))
    }

    /// A `Transformer2DModel` is a diffusion transformer if its blocks are.
    public static func read(
        config root: JSONNode, of className: String, into report: inout Report
    ) -> DiTConfiguration? {
        let key = "norm_type"
        guard className != "Transformer2DModel" || root[key]?.string == Conditioning.adaNormZero.rawValue else {
            report.add(
                "a Transformer2DModel whose norm_type is not \"ada_norm_zero\" is no DiT",
                remedy: "Of this class, diffd knows the DiT models only.", at: JSONPath.root.member(key),
                (root[key] ?? root).place, code: .unsupported)
            return nil
        }
        return read(root, into: &report)
    }

    public func validate(_ checks: inout Checks) {
        if sampleSize % patchSize != 0 {
            checks.fail(
                "patch_size", and: ["sample_size", "preset"],
                "patch_size is \(patchSize), which does not divide sample_size \(sampleSize)",
                remedy: "Use a divisor of \(sampleSize), or make sample_size a multiple of \(patchSize).")
        }
        if posEmbedType == .sincos, width % 4 != 0 {
            checks.fail(
                "attention_head_dim", and: ["num_attention_heads", "pos_embed_type"],
                "\(numAttentionHeads) heads of \(attentionHeadDim) make tokens of \(width) numbers, which cannot hold pairs "
                    + "of sines and cosines of row and column",
                remedy: "Make num_attention_heads x attention_head_dim a multiple of 4.")
        }
        if normElementwiseAffine, normType != .adaNormZero {
            checks.fail(
                "norm_elementwise_affine", and: ["norm_type"],
                "norm_elementwise_affine has no meaning with the norm_type \"\(normType.rawValue)\"",
                remedy: "Remove it.")
        }
        checks.boundParameters(
            costPerSample.parameters, "num_layers", and: ["num_attention_heads", "attention_head_dim", "preset"])
    }
}

extension DiTConfiguration {
    public var predictedChannels: Int? { outputChannels }
    public var patchSide: Int? { patchSize }
    public var sampleShape: SampleShape? { .image(ImageSize(sampleSize), channels: inChannels) }

    public mutating func complete(for training: TrainingTraits, from node: JSONNode) {
        if !node.gives("sample_size"), let side = training.side { sampleSize = side }
        if training.learnsVariance, !node.gives("out_channels") { outChannels = 2 * inChannels }
    }
}
