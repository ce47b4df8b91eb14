internal import Problems
public import StrictJSON

/// `UNet2DConditionModel` of diffusers, the U-Net of latent diffusion (Rombach et al. 2022) that attends to a text:
/// every key of its `config.json`, with its defaults. Stable Diffusion 1, 2 and XL, their inpainting models and the x4
/// upscaler are of this class.
public struct UNet2DConditionConfiguration: DenoiserConfiguration {
    public static let architecture = "unet2d_condition"
    public static let classNames = ["UNet2DConditionModel", "FlaxUNet2DConditionModel"]
    public static let component = "unet"
    public static let channelsKey = "out_channels"
    public static let classCountHasNull = false

    public enum DownBlock: String, Sendable, CaseIterable {
        case plain = "DownBlock2D"
        case attention = "CrossAttnDownBlock2D"
    }

    public enum UpBlock: String, Sendable, CaseIterable {
        case plain = "UpBlock2D"
        case attention = "CrossAttnUpBlock2D"
    }

    /// What is added to the time embedding beside classes.
    public enum Addition: String, Sendable, CaseIterable {
        /// The vector of the whole text, and numbers such as the picture's size (Podell et al. 2023, "SDXL", section
        /// 2.2).
        case textAndNumbers = "text_time"
    }

    public var sampleSize: ImageSize?
    /// Of samples and of what is joined to them.
    public var inChannels = 4
    /// Of samples.
    public var outChannels = 4
    public var flipSinToCos = true
    public var freqShift = 0
    public var downBlockTypes: [DownBlock] = [.attention, .attention, .attention, .plain]
    public var upBlockTypes: [UpBlock] = [.plain, .attention, .attention, .attention]
    /// Whether a level's first attention is to the text too, in place of the pixels.
    public var onlyCrossAttention = PerLevel.all(false)
    public var blockOutChannels = [320, 640, 1280, 1280]
    /// ResNet blocks of each level on the way down; there is one more on the way up.
    public var layersPerBlock = PerLevel.all(2)
    public var midBlockScaleFactor = 1.0
    public var dropout = 0.0
    /// Of ResNet blocks, the time embedding and the output.
    public var actFn = UNet2DConfiguration.Activation.silu
    public var normNumGroups = 32
    public var normEps = 1e-5
    /// Width of the text's tokens.
    public var crossAttentionDim = PerLevel.all(1280)
    public var transformerLayersPerBlock = PerLevel.all(1)
    /// How many heads there are, in spite of the key's name.
    public var attentionHeadDim = PerLevel.all(8)
    /// Whether pixels go through linear layers to the transformers and back, or through 1x1 convolutions, which are the
    /// same but for the shape of their weights in files.
    public var useLinearProjection = false
    public var additionEmbedType: Addition?
    /// Width of the sines and cosines of each added number.
    public var additionTimeEmbedDim: Int?
    /// Width of the text's vector and of all added numbers together.
    public var projectionClassEmbeddingsInputDim: Int?
    /// Rows of the table of classes.
    public var numClassEmbeds: Int?
    public var resnetTimeScaleShift = UNet2DConfiguration.TimeScaleShift.add
    /// Width of the time embedding; nil: 4 x `blockOutChannels[0]`.
    public var timeEmbeddingDim: Int?
    public var convInKernel = 3
    public var convOutKernel = 3
    /// Keys that play no part in the blocks that are supported.
    public var upcastAttention: Bool? = false
    public var midBlockOnlyCrossAttention: Bool?
    public var additionEmbedTypeNumHeads = 64
    /// Keys of which one value is supported.
    public var fixed = Fixed()

    public init() {}

    public static let fields: [Field<Self>] = [
        Field(
            "sample_size", \.sampleSize, .optional(ImageSize.form),
            "Height and width of a sample; the data set's when left out."),
        Field(
            "in_channels", \.inChannels, .integer(in: 1...1024), "Channels of samples and of what is joined to them."),
        Field("out_channels", \.outChannels, .integer(in: 1...1024), "Channels of samples."),
        Field("center_input_sample", \.fixed, .fixed(false), "Map the input from [0, 1] to [-1, 1] first."),
        Field("flip_sin_to_cos", \.flipSinToCos, .boolean, "Cosines before sines in the time embedding."),
        Field(
            "freq_shift", \.freqShift, .integer(in: 0...1),
            "Subtracted from the number of frequencies in their exponent."),
        Field(
            "down_block_types", \.downBlockTypes, .list(.choice(), count: 1...8), "Block of each level, from the input."
        ),
        Field("mid_block_type", \.fixed, .fixed("UNetMidBlock2DCrossAttn"), "The middle block."),
        Field("up_block_types", \.upBlockTypes, .list(.choice(), count: 1...8), "Block of each level, to the output."),
        Field(
            "only_cross_attention", \.onlyCrossAttention, PerLevel.form(.boolean),
            "Whether the first attention of the transformers is to the text too, by level or for all."),
        Field(
            "block_out_channels", \.blockOutChannels, .list(.integer(in: 1...16384), count: 1...8),
            "Channels of each level; each level halves the resolution of the one before."),
        Field(
            "layers_per_block", \.layersPerBlock, PerLevel.form(.integer(in: 1...32)),
            "ResNet blocks in each level, by level or for all."),
        Field("downsample_padding", \.fixed, .fixed(1), "Padding of the down-sampling convolution."),
        Field(
            "mid_block_scale_factor", \.midBlockScaleFactor, .number(above: 0, upTo: 1000),
            "The outputs of the middle block's ResNet blocks are divided by it."),
        Field("dropout", \.dropout, .number(in: 0..<1), "Probability of dropout in the ResNet blocks."),
        Field(
            "act_fn", \.actFn, .choice(aliases: ["swish": .silu]),
            "Activation of the ResNet blocks, the time embedding and the output."),
        Field("norm_num_groups", \.normNumGroups, .integer(in: 1...16384), "Groups of the group norms."),
        Field(
            "norm_eps", \.normEps, .number(above: 0, upTo: 1),
            "Added to the variance in the ResNet blocks' group norms."
        ),
        Field(
            "cross_attention_dim", \.crossAttentionDim, PerLevel.form(.integer(in: 1...65536)),
            "Width of the text's tokens, by level or for all."),
        Field(
            "transformer_layers_per_block", \.transformerLayersPerBlock, PerLevel.form(.integer(in: 0...64)),
            "Transformer blocks behind each ResNet block, by level or for all."),
        Field(
            "reverse_transformer_layers_per_block", \.fixed, .fixed(.null),
            "Other numbers of transformer blocks on the way up."),
        Field("encoder_hid_dim", \.fixed, .fixed(.null), "Width of a text that is projected first."),
        Field("encoder_hid_dim_type", \.fixed, .fixed(.null), "How a text is projected first."),
        Field(
            "attention_head_dim", \.attentionHeadDim, PerLevel.form(.integer(in: 1...16384)),
            "Attention heads, by level or for all: in this class their number, not their size."),
        Field(
            "num_attention_heads", \.fixed, .fixed(.null), "Without meaning; attention_head_dim is the number of heads."
        ),
        Field("dual_cross_attention", \.fixed, .fixed(false), "Attention to two texts."),
        Field(
            "use_linear_projection", \.useLinearProjection, .boolean,
            "Linear layers to the transformers and back, in the place of 1x1 convolutions."),
        Field("class_embed_type", \.fixed, .fixed(.null), "Class embedding other than a table."),
        Field(
            "addition_embed_type", \.additionEmbedType, .optional(.choice()),
            "What is added to the time embedding; null: nothing."),
        Field(
            "addition_time_embed_dim", \.additionTimeEmbedDim, .optional(.integer(in: 2...65536)),
            "Width of the sines and cosines of each added number."),
        Field(
            "num_class_embeds", \.numClassEmbeds, .optional(.integer(in: 1...1_000_000)),
            "Number of classes; null: no classes."),
        Field(
            "upcast_attention", \.upcastAttention, .optional(.boolean),
            "Kept for diffusers; all is computed in 32 bits."),
        Field(
            "resnet_time_scale_shift", \.resnetTimeScaleShift, .choice(),
            "How ResNet blocks take in the time embedding."),
        Field("resnet_skip_time_act", \.fixed, .fixed(false), "No activation before the time embedding's projections."),
        Field(
            "resnet_out_scale_factor", \.fixed, .fixed(1), "Divides the outputs of resampling ResNet blocks."),
        Field("time_embedding_type", \.fixed, .fixed("positional"), "How the timestep is embedded."),
        Field(
            "time_embedding_dim", \.timeEmbeddingDim, .optional(.integer(in: 1...65536)),
            "Width of the time embedding; 4 x block_out_channels[0] when null."),
        Field("time_embedding_act_fn", \.fixed, .fixed(.null), "An activation of the whole embedding."),
        Field("timestep_post_act", \.fixed, .fixed(.null), "An activation of the timestep's embedding."),
        Field("time_cond_proj_dim", \.fixed, .fixed(.null), "Width of an embedding of the guidance scale."),
        Field("conv_in_kernel", \.convInKernel, oddNumber, "Height and width of the first convolution's kernel."),
        Field("conv_out_kernel", \.convOutKernel, oddNumber, "Height and width of the last convolution's kernel."),
        Field(
            "projection_class_embeddings_input_dim", \.projectionClassEmbeddingsInputDim,
            .optional(.integer(in: 1...1_000_000)), "Width of the text's vector and of all added numbers together."),
        Field("attention_type", \.fixed, .fixed("default"), "Attention to further things, such as boxes."),
        Field("class_embeddings_concat", \.fixed, .fixed(false), "Classes beside the time embedding, not added to it."),
        Field(
            "mid_block_only_cross_attention", \.midBlockOnlyCrossAttention, .optional(.boolean),
            "Kept for diffusers; plays no part in this middle block."),
        Field("cross_attention_norm", \.fixed, .fixed(.null), "A norm of the text's tokens in each attention."),
        Field(
            "addition_embed_type_num_heads", \.additionEmbedTypeNumHeads, .integer(in: 1...16384),
            "Kept for diffusers; plays no part in this addition_embed_type."),
    ]

    /// Even kernels would make pictures smaller.
    private static let oddNumber = Form<Int>.integer(in: 1...15).refined { size in
        size % 2 == 1
            ? nil : ("is \(size), and with an even kernel samples would become smaller", "Give an odd number.")
    }

    /// Block types left out for another number of levels than diffusers' own four have attention, but for the deepest.
    public mutating func complete(from node: JSONNode) {
        guard blockOutChannels.count != downBlockTypes.count || blockOutChannels.count != upBlockTypes.count else {
            return
        }
        if !node.gives("down_block_types") {
            downBlockTypes = blockOutChannels.dropLast().map { _ in .attention } + [.plain]
            if node.gives("up_block_types") {
                downBlockTypes = upBlockTypes.reversed().map { $0 == .plain ? .plain : .attention }
            }
        }
        if !node.gives("up_block_types") {
            upBlockTypes = downBlockTypes.reversed().map { $0 == .plain ? .plain : .attention }
        }
    }
}

extension UNet2DConditionConfiguration {
    public var isDiffusersClass: Bool { true }
    public var sampleShape: SampleShape? { sampleSize.map { .image($0, channels: outChannels) } }
    public var channels: Int? { outChannels }
    /// Channels that are joined to a sample's: 0, or 5 of a mask and a masked picture's latents, 3 of a small picture.
    public var joinedChannels: Int { inChannels - outChannels }
    /// All attend to the same text, and the middle block always does.
    public var contextWidth: Int? { crossAttentionDim[blockOutChannels.count - 1] }

    public var classConditioning: ClassConditioning { numClassEmbeds.map { .table(count: $0, null: nil) } ?? .none }

    /// Whether a level, counted from the input, has transformers on the way down.
    public func attendsOnWayDown(_ level: Int) -> Bool { downBlockTypes.dropFirst(level).first == .attention }
    /// The same on the way up.
    public func attendsOnWayUp(_ level: Int) -> Bool { upBlockTypes.dropLast(level).last == .attention }

    /// Width of the time embedding.
    public var timeEmbeddingWidth: Int { timeEmbeddingDim ?? 4 * blockOutChannels[0] }

    /// How wide the text's vector is beside so many added numbers; nil where nothing is added, or no room is left for
    /// it.
    public func pooledTextWidth(besideNumbers count: Int) -> Int? {
        guard additionEmbedType != nil, let all = projectionClassEmbeddingsInputDim, let each = additionTimeEmbedDim
        else { return nil }
        let width = all -| count *| each
        return width > 0 ? width : nil
    }

    public func trainingMisfits(with scheduler: SchedulerConfiguration, dropsConditions: Bool) -> [Misfit] {
        let unused = [
            ("addition_embed_type", additionEmbedType != nil), ("num_class_embeds", numClassEmbeds != nil),
            ("in_channels", joinedChannels != 0),
        ].filter(\.1).map(\.0)
        return unused.map { key in
            Misfit(
                "model.\(key)", "a training from nothing gives the network captions and nothing else",
                remedy: key == "in_channels" ? "Make in_channels and out_channels equal." : "Set \(key) to null.",
                code: .unsupported)
        }
    }

    public mutating func complete(for training: TrainingTraits, from node: JSONNode) {
        if sampleSize == nil { sampleSize = training.side.map { ImageSize($0) } }
        if let width = training.textWidth, !node.gives("cross_attention_dim") { crossAttentionDim = .all(width) }
    }
}
