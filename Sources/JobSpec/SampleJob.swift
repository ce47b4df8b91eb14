public import Configurations
import Problems
public import StrictJSON

/// Draws samples from a model.
public struct SampleJob: Described, Hashable {
    public var common = CommonOptions()
    public var drawing = DrawingOptions()
    /// Number of samples.
    public var count = 1
    /// Sample i is the first sample of `seeds[i]`; nil: sample i of `common.seed`.
    public var seeds: [UInt64]?
    public var interpolate: SeedInterpolation?
    public var sweep: Sweep?
    public var clip = ClipOptions()

    public init() {}

    public static let fields: [Field<Self>] =
        CommonOptions.fields.map { $0.lifted(\.common) } + DrawingOptions.fields.map { $0.lifted(\.drawing) } + [
            Field(
                "count", \.count, .integer(in: 1...1_000_000),
                "Number of samples; as many as there are seeds, steps of interpolate, or prompts, where those are given."
            ),
            Field(
                "seeds", \.seeds, .optional(.list(.unsigned, count: 1...100_000)),
                "A seed for each sample, which is the first one of a job with that seed; null: all are of one seed."),
            Field(
                "interpolate", \.interpolate, .optional(.object),
                "Samples on the way from one seed's to another's; null: none."),
            Field("sweep", \.sweep, .optional(.object), "A grid of samples over one or two keys; null: none."),
        ] + ClipOptions.fields.map { $0.lifted(\.clip) }

    public mutating func complete(from node: JSONNode) {
        guard !node.gives("count") else { return }
        count = seeds?.count ?? interpolate?.steps ?? drawing.prompts.prompt?.count ?? 1
    }

    public func validate(_ checks: inout Checks) {
        drawing.validate(&checks)
        if let labels = drawing.classLabels, labels.count > count {
            checks.fail(
                "class_labels", and: ["count"], "there are \(labels.count) class_labels but count is \(count)",
                remedy: "Raise count, or give fewer labels.")
        }
        if let prompts = drawing.prompts.prompt, prompts.count > count {
            checks.fail(
                "prompt", and: ["count"], "there are \(prompts.count) prompts but count is \(count)",
                remedy: "Raise count, or give fewer prompts.")
        }
        for (key, own) in [("seeds", seeds?.count), ("interpolate", interpolate?.steps)] {
            if let own, own != count {
                checks.fail(
                    "count", and: [key, "interpolate.steps"], "count is \(count), but \(key) says \(own)",
                    remedy: "Leave count out.")
            }
        }
        let series = [
            ("seeds", seeds != nil), ("interpolate", interpolate != nil), ("sweep", sweep != nil),
        ].filter(\.1).map(\.0)
        if series.count > 1 {
            checks.fail(
                series[1], and: [series[0]], "\(series.joined(separator: " and ")) cannot be used together",
                remedy: "Keep one of them.")
        } else if let sweep {
            check(sweep, &checks)
        }
    }
}

/// What only samples of a model of video have.
public struct ClipOptions: Described, Hashable {
    /// Nil: as many as the clips that the model was trained on have.
    public var frames: Int?
    /// Nil: 8.
    public var fps: Double?
    /// Nil: that of the model's training.
    public var size: ImageSize?
    /// The clip's first frame; nil: made up like the others.
    public var image: String?

    public init() {}

    /// Frames a second where nothing says it.
    public static let usualFPS = 8.0

    static let framesForm = Form<Int>.integer(in: 1...65536)
    static let fpsForm = Form<Double>.number(in: 0.1...1000)

    public static let fields: [Field<Self>] = [
        Field(
            "frames", \.frames, .optional(framesForm),
            "Frames of each clip, for a model of video; null: the model's sample_frames."),
        Field(
            "fps", \.fps, .optional(fpsForm), "Frames a second of the clips of a model of video; null: 8."),
        Field(
            "size", \.size, .optional(ImageSize.form),
            "Height and width in pixels of what a model of latents or of video makes; null: the model's own."),
        Field(
            "image", \.image, .optional(.string()),
            "A PNG or JPEG file that is the first frame of each clip of a model of video; null: none."),
    ]
}

/// The `interpolate` of a sample job: the initial noise turns from that of one seed to that of another.
public struct SeedInterpolation: Described, Hashable {
    public var fromSeed: UInt64 = 0
    public var toSeed: UInt64 = 1
    /// Samples, both ends included.
    public var steps = 8

    public init() {}

    public static let fields: [Field<Self>] = [
        Field("from_seed", \.fromSeed, .unsigned, "Seed of the first sample.", required: true),
        Field("to_seed", \.toSeed, .unsigned, "Seed of the last sample.", required: true),
        Field("steps", \.steps, .integer(in: 2...10_000), "Number of samples, both ends included."),
    ]

    public func validate(_ checks: inout Checks) {
        if fromSeed == toSeed {
            checks.fail(
                "to_seed", and: ["from_seed"], "both seeds are \(fromSeed), so there is nothing between them",
                remedy: "Give two seeds.")
        }
    }
}
