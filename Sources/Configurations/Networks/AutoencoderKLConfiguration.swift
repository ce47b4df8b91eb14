public import StrictJSON

/// `AutoencoderKL` of diffusers (Rombach et al. 2022): every key of its `config.json`, with its defaults.
public struct AutoencoderKLConfiguration: NetworkConfiguration {
    public enum DownBlock: String, Sendable, CaseIterable { case plain = "DownEncoderBlock2D" }
    public enum UpBlock: String, Sendable, CaseIterable { case plain = "UpDecoderBlock2D" }

    public static let architecture = "autoencoder_kl"
    public static let classNames = ["AutoencoderKL"]
    public static let component = "vae"
    /// Where its configuration lies in a pipeline's directory, or in its own.
    public static let files = ["\(component)/config.json", "config.json"]

    public var inChannels = 3
    public var outChannels = 3
    public var downBlockTypes = [DownBlock.plain]
    public var upBlockTypes = [UpBlock.plain]
    /// Channels of each level; each halves the resolution of the one before.
    public var blockOutChannels = [64]
    public var layersPerBlock = 1
    public var actFn = UNet2DConfiguration.Activation.silu
    public var latentChannels = 4
    public var normNumGroups = 32
    /// Height and width of the pictures that it was made for.
    public var sampleSize = ImageSize(32)
    /// Brings latents to a deviation of about 1: a diffusion model sees them times this.
    public var scalingFactor = 0.18215
    /// Subtracted from latents before; nil: nothing.
    public var shiftFactor: Double?
    /// Mean and deviation of each channel of the latents, in place of the shift; nil: 0 and 1.
    public var latentsMean: [Double]?
    public var latentsStd: [Double]?
    /// Whether diffusers computes it in 32 bits, as is always done here.
    public var forceUpcast = true
    public var useQuantConv = true
    public var usePostQuantConv = true
    public var midBlockAddAttention = true

    public init() {}

    /// As the `model` of a job file.
    public static let form = Form<AutoencoderKLConfiguration>.oneOf(
        "architecture", [Alternative(architecture, { $0 }, { $0 })])

    private static let channelNumbers = Form<[Double]>.list(.number(), count: 1...1024)

    public static let fields: [Field<Self>] = [
        Field("in_channels", \.inChannels, .integer(in: 1...1024), "Channels of the pictures."),
        Field("out_channels", \.outChannels, .integer(in: 1...1024), "Channels of the decoded pictures."),
        Field(
            "down_block_types", \.downBlockTypes, .list(.choice(), count: 1...8), "Block of each level of the encoder."),
        Field("up_block_types", \.upBlockTypes, .list(.choice(), count: 1...8), "Block of each level of the decoder."),
        Field(
            "block_out_channels", \.blockOutChannels, .list(.integer(in: 1...16384), count: 1...8),
            "Channels of each level; each level halves the resolution of the one before."),
        Field(
            "layers_per_block", \.layersPerBlock, .integer(in: 1...32), "ResNet blocks in each level of the encoder."),
        Field("act_fn", \.actFn, .choice(aliases: ["swish": .silu]), "Activation of the ResNet blocks."),
        Field("latent_channels", \.latentChannels, .integer(in: 1...1024), "Channels of the latents."),
        Field("norm_num_groups", \.normNumGroups, .integer(in: 1...16384), "Groups of the group norms."),
        Field("sample_size", \.sampleSize, ImageSize.form, "Height and width of the pictures that it was made for."),
        Field(
            "scaling_factor", \.scalingFactor, .number(above: 0, upTo: 10_000),
            "A diffusion model sees latents times this."),
        Field(
            "shift_factor", \.shiftFactor, .optional(.number()), "Subtracted from latents before they are scaled."),
        Field(
            "latents_mean", \.latentsMean, .optional(channelNumbers),
            "Mean of each channel of the latents, subtracted before they are scaled."),
        Field(
            "latents_std", \.latentsStd, .optional(channelNumbers),
            "Deviation of each channel of the latents, which they are divided by before they are scaled."),
        Field("force_upcast", \.forceUpcast, .boolean, "Kept for diffusers; all is computed in 32 bits."),
        Field("use_quant_conv", \.useQuantConv, .boolean, "A 1x1 convolution after the encoder."),
        Field("use_post_quant_conv", \.usePostQuantConv, .boolean, "A 1x1 convolution before the decoder."),
        Field("mid_block_add_attention", \.midBlockAddAttention, .boolean, "Attention at the lowest resolution."),
    ]

    /// There is one type of block each way, so it need not be given for each level.
    public mutating func complete(from node: JSONNode) {
        if !node.gives("down_block_types") { downBlockTypes = blockOutChannels.map { _ in .plain } }
        if !node.gives("up_block_types") { upBlockTypes = blockOutChannels.map { _ in .plain } }
    }

    /// Pixels in each direction that become one latent.
    public var downsampling: Int { 1 << (blockOutChannels.count - 1) }

    /// The shape of pictures, or of clips frame by frame, whose latents have this one; nil for points.
    public func pictureShape(of latents: SampleShape) -> SampleShape? {
        func picture(_ size: ImageSize) -> ImageSize {
            ImageSize(height: downsampling * size.height, width: downsampling * size.width)
        }
        return switch latents {
        case .point: nil
        case .image(let size, _): .image(picture(size), channels: outChannels)
        case .video(let frames, let size, _): .video(frames: frames, picture(size), channels: outChannels)
        }
    }

    /// The shape of the latents of pictures, or of clips frame by frame; nil for what it does not take.
    public func latentShape(of pictures: SampleShape) -> SampleShape? {
        guard let (size, inChannels) = pictures.frame, inChannels == self.inChannels,
            size.height % downsampling == 0, size.width % downsampling == 0
        else { return nil }
        let latent = ImageSize(height: size.height / downsampling, width: size.width / downsampling)
        return switch pictures {
        case .point: nil
        case .image: .image(latent, channels: latentChannels)
        case .video(let frames, _, _): .video(frames: frames, latent, channels: latentChannels)
        }
    }

    public func validate(_ checks: inout Checks) {
        for (key, count) in [("down_block_types", downBlockTypes.count), ("up_block_types", upBlockTypes.count)]
        where count != blockOutChannels.count {
            checks.fail(
                key, and: ["block_out_channels"],
                "\(key) has \(count) entries but block_out_channels has \(blockOutChannels.count)",
                remedy: "Give one block type for each level.")
        }
        for (index, channels) in blockOutChannels.enumerated() where channels % normNumGroups != 0 {
            checks.fail(
                "block_out_channels", and: ["norm_num_groups"],
                "block_out_channels[\(index)] is \(channels), which norm_num_groups \(normNumGroups) does not divide",
                remedy: "Use multiples of \(normNumGroups), or a norm_num_groups that divides all of them.")
        }
        for (key, values) in [("latents_mean", latentsMean), ("latents_std", latentsStd)] {
            guard let values, values.count != latentChannels else { continue }
            checks.fail(
                key, and: ["latent_channels"],
                "\(key) has \(values.count) entries but latent_channels is \(latentChannels)",
                remedy: "Give one number for each channel.")
        }
        if latentsStd?.contains(where: { $0 <= 0 }) == true {
            checks.fail("latents_std", "a deviation of 0 or less is none", remedy: "Give numbers above 0.")
        }
        checks.boundParameters(
            blockOutChannels.reduce(0) { $0 + 9 * $1 * $1 * (4 * layersPerBlock + 3) }, "block_out_channels",
            and: ["layers_per_block"])
    }
}

extension AutoencoderKLConfiguration {
    public var isDiffusersClass: Bool { true }
}
