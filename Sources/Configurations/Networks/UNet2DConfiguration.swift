public import StrictJSON

/// `UNet2DModel` of diffusers: every key of its `config.json`, with its defaults.
public struct UNet2DConfiguration: DenoiserConfiguration {
    public static let architecture = "unet2d"
    public static let classNames = ["UNet2DModel"]
    public static let component = "unet"

    /// Features of the timestep: sinusoids, a table of `numTrainTimesteps` learned rows, or sines and cosines of its
    /// logarithm at random frequencies.
    public enum TimeEmbedding: String, Sendable, CaseIterable { case positional, learned, fourier }

    public enum DownBlock: String, Sendable, CaseIterable {
        case plain = "DownBlock2D"
        case attention = "AttnDownBlock2D"
    }

    public enum MidBlock: String, Sendable, CaseIterable { case unet = "UNetMidBlock2D" }

    public enum UpBlock: String, Sendable, CaseIterable {
        case plain = "UpBlock2D"
        case attention = "AttnUpBlock2D"
    }

    /// What changes the resolution in blocks with attention; plain blocks always use a convolution.
    public enum Resampling: String, Sendable, CaseIterable { case conv, resnet }

    public enum Activation: String, Sendable, CaseIterable { case silu, gelu, relu }

    /// How a ResNet block takes in the time embedding: added, or as scale and shift of its second norm.
    public enum TimeScaleShift: String, Sendable, CaseIterable {
        case add = "default"
        case scaleShift = "scale_shift"
    }

    public enum ClassEmbedding: String, Sendable, CaseIterable { case timestep, identity }

    public var sampleSize: ImageSize?
    public var inChannels = 3
    public var outChannels = 3
    /// Maps the input from [0, 1] to [-1, 1] first.
    public var centerInputSample = false
    public var timeEmbeddingType = TimeEmbedding.positional
    /// Width of the time embedding; nil: 4 x `blockOutChannels[0]`.
    public var timeEmbeddingDim: Int?
    public var freqShift = 0
    public var flipSinToCos = true
    public var downBlockTypes: [DownBlock] = [.plain, .attention, .attention, .attention]
    public var midBlockType: MidBlock? = .unet
    public var upBlockTypes: [UpBlock] = [.attention, .attention, .attention, .plain]
    public var blockOutChannels = [224, 448, 672, 896]
    public var layersPerBlock = 2
    public var midBlockScaleFactor = 1.0
    public var downsamplePadding = 1
    public var downsampleType = Resampling.conv
    public var upsampleType = Resampling.conv
    public var dropout = 0.0
    public var actFn = Activation.silu
    /// Size of a head; nil: one head as wide as the block.
    public var attentionHeadDim: Int? = 8
    public var normNumGroups = 32
    /// Groups of the norm before the middle block's attention; nil: `normNumGroups`, or no norm with `scale_shift`.
    public var attnNormNumGroups: Int?
    public var normEps = 1e-5
    public var resnetTimeScaleShift = TimeScaleShift.add
    /// Whether the middle block has attention.
    public var addAttention = true
    public var classEmbedType: ClassEmbedding?
    /// Rows of the table of classes.
    public var numClassEmbeds: Int?
    /// Whether the last of these rows stands for no class. Not a key of diffusers, which ignores it with a warning.
    public var nullClass = false
    /// Rows of a learned time embedding; without meaning for others.
    public var numTrainTimesteps: Int?

    public init() {}

    public static let fields: [Field<Self>] = [
        Field(
            "sample_size", \.sampleSize, .optional(ImageSize.form),
            "Height and width of a sample; the data set's when left out."),
        Field("in_channels", \.inChannels, .integer(in: 1...1024), "Channels of the input."),
        Field("out_channels", \.outChannels, .integer(in: 1...1024), "Channels of the output."),
        Field("center_input_sample", \.centerInputSample, .boolean, "Map the input from [0, 1] to [-1, 1] first."),
        Field("time_embedding_type", \.timeEmbeddingType, .choice(), "How the timestep is embedded."),
        Field(
            "time_embedding_dim", \.timeEmbeddingDim, .optional(.integer(in: 1...65536)),
            "Width of the time embedding; 4 x block_out_channels[0] when null."),
        Field(
            "freq_shift", \.freqShift, .integer(in: 0...1),
            "Subtracted from the number of frequencies in their exponent."),
        Field("flip_sin_to_cos", \.flipSinToCos, .boolean, "Cosines before sines in the time embedding."),
        Field(
            "down_block_types", \.downBlockTypes, .list(.choice(), count: 1...8), "Block of each level, from the input."
        ),
        Field("mid_block_type", \.midBlockType, .optional(.choice()), "The middle block, or null for none."),
        Field("up_block_types", \.upBlockTypes, .list(.choice(), count: 1...8), "Block of each level, to the output."),
        Field(
            "block_out_channels", \.blockOutChannels, .list(.integer(in: 1...16384), count: 1...8),
            "Channels of each level; each level halves the resolution of the one before."),
        Field("layers_per_block", \.layersPerBlock, .integer(in: 1...32), "ResNet blocks in each level."),
        Field(
            "mid_block_scale_factor", \.midBlockScaleFactor, .number(above: 0, upTo: 1000),
            "The middle block's outputs are divided by it."),
        Field(
            "downsample_padding", \.downsamplePadding, .integer(in: 0...1), "Padding of the down-sampling convolution."),
        Field("downsample_type", \.downsampleType, .choice(), "How blocks with attention halve the resolution."),
        Field("upsample_type", \.upsampleType, .choice(), "How blocks with attention double the resolution."),
        Field("dropout", \.dropout, .number(in: 0..<1), "Probability of dropout in the ResNet blocks."),
        Field("act_fn", \.actFn, .choice(aliases: ["swish": .silu]), "Activation of the ResNet blocks."),
        Field(
            "attention_head_dim", \.attentionHeadDim, .optional(.integer(in: 1...16384)),
            "Size of an attention head; null: one head as wide as the block."),
        Field("norm_num_groups", \.normNumGroups, .integer(in: 1...16384), "Groups of the group norms."),
        Field(
            "attn_norm_num_groups", \.attnNormNumGroups, .optional(.integer(in: 1...16384)),
            "Groups of the norm before the middle attention; norm_num_groups when null."),
        Field("norm_eps", \.normEps, .number(above: 0, upTo: 1), "Added to the variance in group norms."),
        Field(
            "resnet_time_scale_shift", \.resnetTimeScaleShift, .choice(),
            "How ResNet blocks take in the time embedding."),
        Field("add_attention", \.addAttention, .boolean, "Attention in the middle block."),
        Field(
            "class_embed_type", \.classEmbedType, .optional(.choice()),
            "Class embedding other than a table; null: the table."),
        Field(
            "num_class_embeds", \.numClassEmbeds, .optional(.integer(in: 1...1_000_000)),
            "Rows of the class table, one for each class and one for null_class; null: no classes."),
        Field(
            Self.nullClassKey, \.nullClass, .boolean,
            "The last row of the class table stands for no class, for classifier-free guidance; "
                + "true when class_dropout_prob is given."),
        Field(
            "num_train_timesteps", \.numTrainTimesteps, .optional(.integer(in: 1...1_000_000)),
            "Timesteps that a learned time embedding knows; without meaning for others."),
    ]

    fileprivate static let nullClassKey = "null_class"

    /// As in `config.json`: a model that diffusers knows wholly has diffusers' keys only.
    public var configJSON: JSONNode {
        nullClass ? json : JSONNode(.object((json.members ?? []).filter { $0.name != Self.nullClassKey }))
    }

    /// Block types left out for another number of levels than diffusers' own four are plain.
    public mutating func complete(from node: JSONNode) {
        guard blockOutChannels.count != downBlockTypes.count || blockOutChannels.count != upBlockTypes.count else {
            return
        }
        if !node.gives("down_block_types") {
            downBlockTypes = Array(repeating: .plain, count: blockOutChannels.count)
            if node.gives("up_block_types") {
                downBlockTypes = upBlockTypes.reversed().map { $0 == .plain ? .plain : .attention }
            }
        }
        if !node.gives("up_block_types") {
            upBlockTypes = downBlockTypes.reversed().map { $0 == .plain ? .plain : .attention }
        }
    }

    /// Width of the time embedding.
    public var timeEmbeddingWidth: Int { timeEmbeddingDim ?? 4 * blockOutChannels[0] }

    /// By how much the deepest level is smaller than the input.
    public var downsampling: Int { 1 << (blockOutChannels.count - 1) }

    public var classConditioning: ClassConditioning {
        switch classEmbedType {
        case .timestep: .timestep
        case .identity: .vector
        case nil:
            switch numClassEmbeds {
            case nil: .none
            case .some(let rows) where nullClass && rows > 1: .table(count: rows - 1, null: rows - 1)
            case .some(let rows): .table(count: rows, null: nil)
            }
        }
    }
}

extension UNet2DConfiguration {
    public var isDiffusersClass: Bool { true }
    public var sampleShape: SampleShape? { sampleSize.map { .image($0, channels: inChannels) } }
    public var channels: Int? { inChannels }
    public var predictedChannels: Int? { outChannels }
    public var knownTimesteps: Int? { timeEmbeddingType == .learned ? numTrainTimesteps : nil }

    public func misfit(with scheduler: SchedulerConfiguration) -> Misfit? {
        if let known = knownTimesteps, scheduler.numTrainTimesteps > known {
            return Misfit(
                "num_train_timesteps",
                "the model has learned \(known) timesteps, but the schedule has \(scheduler.numTrainTimesteps)",
                remedy: "Make the model's num_train_timesteps and the schedule's equal.")
        }
        guard timeEmbeddingType == .fourier else { return nil }
        return Misfit(
            "time_embedding_type",
            "a model with Fourier features of the timestep takes noise levels above 0, and this schedule begins with 0",
            remedy: "Use \"positional\".")
    }

    public func trainingMisfits(with scheduler: SchedulerConfiguration, dropsConditions: Bool) -> [Misfit] {
        var misfits: [Misfit] = []
        if !dropsConditions, nullClass, classConditioning.nullClass != nil {
            misfits.append(
                Misfit(
                    "model.null_class", and: ["training.class_dropout_prob"],
                    "the null class would never be trained: class_dropout_prob is 0",
                    remedy: "Set training.class_dropout_prob to 0.1, or null_class to false."))
        }
        let steps = scheduler.numTrainTimesteps
        if let own = numTrainTimesteps, own != steps {
            misfits.append(
                Misfit(
                    "model.num_train_timesteps", and: ["diffusion.num_train_timesteps"],
                    "model.num_train_timesteps is \(own) but diffusion.num_train_timesteps is \(steps)",
                    remedy: "Make them equal."))
        }
        return misfits
    }

    public mutating func complete(for training: TrainingTraits, from node: JSONNode) {
        if sampleSize == nil { sampleSize = training.side.map { ImageSize($0) } }
        if training.learnsVariance, !node.gives("out_channels") { outChannels = 2 * inChannels }
        if training.dropsConditions, numClassEmbeds ?? 0 > 1, !node.gives(Self.nullClassKey) { nullClass = true }
    }
}
