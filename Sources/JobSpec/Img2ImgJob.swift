public import Configurations
import Problems
public import StrictJSON

/// Changes pictures with a model: noise is put on them and taken off again (SDEdit), everywhere or where a mask says so (inpainting).
public struct Img2ImgJob: Described, Hashable {
    public var common = CommonOptions()
    public var drawing = DrawingOptions()
    /// Picture files, or folders of them.
    public var image = ["image.png"]
    /// White where the picture changes; nil: everywhere.
    public var mask: String?
    /// Pixels that the image grows by: top, right, bottom, left. What is there changes.
    public var expand: [Int]?
    /// Standard deviation in pixels of the picture.
    public var maskBlur = 0.0
    /// Height and width of the results in pixels, for a model of latents; nil: the model's own.
    public var size: ImageSize?
    /// Share of the sampler's steps that is taken: how far the result may be from the picture.
    public var strength = 0.8
    /// For a model that enlarges images: timesteps of noise that are put on them before; nil: 20.
    public var noiseLevel: Int?
    /// Results for each picture.
    public var count = 1
    /// RePaint's: steps that are taken again together.
    public var jumpLength = 10
    /// RePaint's: how often steps are taken; 1: once.
    public var jumpNSample = 1

    public init() {}

    private static let paths = Form<[String]>.either(
        .list(.string(), count: 1...10_000), .string(), isFirst: { $0.elements != nil }, { $0 }, { [$0] },
        write: { paths in
            paths.count == 1 ? JSONNode(.string(paths[0])) : JSONNode(.array(paths.map { JSONNode(.string($0)) }))
        })

    private static let blur = Form<Double>.number(in: 0...1000).refined { deviation in
        deviation > 0 && deviation < 0.01
            ? ("is \(deviation), too little to blur anything", "Give 0 for none, or 0.01 to 1000.") : nil
    }

    public static let fields: [Field<Self>] =
        CommonOptions.fields.map { $0.lifted(\.common) } + DrawingOptions.fields.map { $0.lifted(\.drawing) } + [
            Field("image", \.image, paths, "A PNG or JPEG file, a folder of them, or a list of both.", required: true),
            Field(
                "mask", \.mask, .optional(.string()),
                "A picture of the image's size, white where something new is to be made; null: everywhere."),
            Field(
                "expand", \.expand, .optional(.list(.integer(in: 0...ImageSize.maximumSide), count: 4...4)),
                "Pixels that each image grows by, [top, right, bottom, left], where something new is made; null: none."),
            Field("mask_blur", \.maskBlur, blur, "Standard deviation of the mask's blur in pixels."),
            Field(
                "size", \.size, .optional(ImageSize.form),
                "Height and width in pixels of the results of a model of latents; null: the model's own."),
            Field(
                "strength", \.strength, .number(above: 0, upTo: 1),
                "Share of the sampler's steps that is taken; 1 leaves least of the picture."),
            Field(
                "noise_level", \.noiseLevel, .optional(.integer(in: 0...999_999)),
                "For a model that enlarges images: how much noise is put on them before, as a timestep of its schedule for them; "
                    + "null: 20."),
            Field("count", \.count, .integer(in: 1...100_000), "Number of results for each picture."),
            Field(
                "jump_length", \.jumpLength, .integer(in: 1...100_000),
                "Steps that RePaint takes again together, with a mask."),
            Field(
                "jump_n_sample", \.jumpNSample, .integer(in: 1...1000),
                "How often RePaint takes them, so that old and new come to fit; 1: once, which is no RePaint."),
        ]

    /// Whether a part of each image stays as it is.
    public var isMasked: Bool { mask != nil || expand != nil }

    /// Samplers that may go back: each of their steps stands for itself.
    private static let resampling: [SamplerName] = [.ddpm, .ddim, .euler, .eulerAncestral]

    public func validate(_ checks: inout Checks) {
        drawing.validate(&checks)
        if let steps = drawing.sampler.steps, Int(saturating: Double(steps) * strength) < 1 {
            checks.fail(
                "strength", and: ["sampler.steps", "sampler.name"],
                "strength \(strength) of \(steps) steps leaves none", remedy: "Use more steps, or more strength.")
        }
        let usual = Img2ImgJob()
        for (key, isSet) in [
            ("mask_blur", maskBlur != 0), ("jump_n_sample", jumpNSample != 1),
            ("jump_length", jumpLength != usual.jumpLength),
        ] where isSet && !isMasked {
            checks.fail(
                key, and: ["mask", "expand"], "\(key) has no meaning without a mask",
                remedy: "Add \"mask\", or remove it.")
        }
        if isMasked, drawing.refiner != nil {
            checks.fail(
                "refiner", and: ["mask", "expand"], "a refiner knows nothing of a mask",
                remedy: "Remove one of them; a second job may refine the results.")
        }
        let name = drawing.sampler.name ?? UsualSampler.plain.name
        if jumpNSample != 1, !Self.resampling.contains(name) {
            checks.fail(
                "jump_n_sample", and: ["sampler.name"],
                "the sampler \"\(name.rawValue)\" remembers earlier steps and cannot take them again",
                remedy: "Use \(Self.resampling.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")).")
        }
    }
}
