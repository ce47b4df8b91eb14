public import StrictJSON

/// The U-Net of "The Annotated Diffusion Model" (Rogge & Rasul 2022, after lucidrains): 7x7 stem, two blocks and linear attention at each
/// resolution, full attention in the middle. The defaults are those of its Fashion-MNIST run.
public struct AnnotatedUNetConfiguration: DenoiserConfiguration {
    public static let architecture = "annotated_unet"
    public static let classNames = ["AnnotatedUNet"]
    public static let component = "unet"
    public static let channelsKey = "channels"

    public enum BlockType: String, Sendable, CaseIterable { case resnet, convnext }

    /// Height and width.
    public var sampleSize = 28
    public var channels = 1
    /// Channels at full resolution; level i has `dim * dimMults[i]`.
    public var dim = 28
    /// Channels after the stem; nil: `dim / 3 * 2`.
    public var initDim: Int?
    public var dimMults = [1, 2, 4]
    public var blockType = BlockType.convnext
    /// Groups of the group norms in ResNet blocks.
    public var groups = 8
    /// Widening inside ConvNeXt blocks.
    public var convnextMult = 2
    public var heads = 4
    public var dimHead = 32

    public init() {}

    public static let fields: [Field<Self>] = [
        Field("sample_size", \.sampleSize, .integer(in: 1...ImageSize.maximumSide), "Height and width of a sample."),
        Field("channels", \.channels, .integer(in: 1...1024), "Channels of the images."),
        Field("dim", \.dim, .integer(in: 4...8192), "Channels at full resolution, times dim_mults."),
        Field(
            "init_dim", \.initDim, .optional(.integer(in: 1...8192)), "Channels after the 7x7 stem; null: dim / 3 * 2."),
        Field(
            "dim_mults", \.dimMults, .list(.integer(in: 1...64), count: 1...8),
            "Each level's channels as a multiple of dim."),
        Field("block_type", \.blockType, .choice(), "ResNet or ConvNeXt blocks."),
        Field("groups", \.groups, .integer(in: 1...8192), "Groups of the norms in ResNet blocks."),
        Field("convnext_mult", \.convnextMult, .integer(in: 1...16), "Widening inside ConvNeXt blocks."),
        Field("heads", \.heads, .integer(in: 1...64), "Attention heads."),
        Field("dim_head", \.dimHead, .integer(in: 1...1024), "Size of an attention head."),
    ]

    /// Channels after the stem.
    public var stemChannels: Int { initDim ?? dim / 3 * 2 }

    /// By how much the deepest level is smaller than the input.
    public var downsampling: Int { 1 << (dimMults.count - 1) }

    public func validate(_ checks: inout Checks) {
        if dim % 2 != 0 {
            checks.fail(
                "dim", "dim is \(dim), which cannot hold pairs of sines and cosines of the timestep",
                remedy: "Use an even number.")
        }
        if blockType == .resnet, let mult = dimMults.first(where: { dim * $0 % groups != 0 }) {
            checks.fail(
                "groups", and: ["dim", "dim_mults", "block_type"],
                "groups is \(groups), which does not divide the \(dim * mult) channels of a level",
                remedy: "Use a divisor of \(dimMults.map { $0 * dim }.greatestCommonDivisor), or change dim.")
        }
        checks.checkResolution(ImageSize(sampleSize), divisor: downsampling, "sample_size", levels: "dim_mults")
        let width = blockType == .convnext ? convnextMult : 1
        checks.boundParameters(
            dimMults.reduce(0) { $0 + 45 * width * (dim * $1) * (dim * $1) }, "dim",
            and: ["dim_mults", "convnext_mult"])
    }
}

extension AnnotatedUNetConfiguration {
    public var sampleShape: SampleShape? { .image(ImageSize(sampleSize), channels: channels) }
}
