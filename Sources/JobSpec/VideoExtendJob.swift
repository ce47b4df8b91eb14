public import Configurations
import Problems
public import StrictJSON

/// Carries a clip on with a model of video, in time or back in time, or fills what lies between two clips.
public struct VideoExtendJob: Described, Hashable {
    public enum Direction: String, Sendable, CaseIterable {
        case forward, backward, both
        /// From the end of `video` to the beginning of `to`.
        case between
    }

    /// How the model is told of the frames that are known.
    public enum Conditioning: String, Sendable, CaseIterable {
        /// By their own timestep, for models trained with known frames.
        case frameNoise = "frame_noise"
        /// Not at all: they are put back into their places, as noisy as the rest, after each step.
        case replacement
    }

    /// What is written beside the frames.
    public struct Output: Described, Hashable {
        public var video = OutputOptions.Video.mp4

        public init() {}

        public static let fields: [Field<Self>] = [
            Field("video", \.video, .choice(), "Format of the video beside the frames; png: the frames alone.")
        ]
    }

    public var common = CommonOptions()
    /// Without what is about many samples.
    public var drawing = DrawingOptions()
    /// A file, or a directory of frames.
    public var video = "clip.mp4"
    /// The clip that `between` leads to.
    public var to: String?
    public var direction = Direction.forward
    /// Frames to add, at each end.
    public var frames = 16
    /// Nil: half of a window.
    public var contextFrames: Int?
    /// Nil: as many as the clips that the model was trained on have.
    public var windowFrames: Int?
    /// Nil: as the model was trained.
    public var conditioning: Conditioning?
    /// Whether a clip of another size is brought to the model's.
    public var resize = true
    /// Nil: that of the model's training.
    public var size: ImageSize?
    /// Nil: the clip's.
    public var fps: Double?
    public var maxVideoFrames = 1000
    public var output = Output()

    public init() {}

    /// Keys of drawing that a clip made window by window has no use for.
    private static let left = Set(
        ["batch_size", "rng", "output", "autoencoder"] + DrawingOptions.refinerKeys + PromptOptions.fields.map(\.key))

    public static let fields: [Field<Self>] =
        CommonOptions.fields.map { $0.lifted(\.common) }
        + DrawingOptions.fields.filter { !left.contains($0.key) }.map { $0.lifted(\.drawing) } + [
            Field(
                "video", \.video, .string(), "The clip: a video file of any usual format, or a directory of frames.",
                required: true),
            Field("to", \.to, .optional(.string()), "With the direction between, the clip that is led to."),
            Field(
                "direction", \.direction, .choice(),
                "Where frames are added: forward, backward, both, or between the clip and another."),
            Field("frames", \.frames, ClipOptions.framesForm, "Frames to add; with both, at each end."),
            Field(
                "context_frames", \.contextFrames, .optional(ClipOptions.framesForm),
                "Known frames that the model sees in each window; null: half of a window, or all of a shorter clip."),
            Field(
                "window_frames", \.windowFrames, .optional(ClipOptions.framesForm),
                "Frames that the model sees at once, known and new; null: the model's sample_frames."),
            Field(
                "conditioning", \.conditioning, .optional(.choice()),
                "How the model is told of known frames: frame_noise, for models trained with them, or replacement; null: as "
                    + "the model was trained."),
            Field("resize", \.resize, .boolean, "Bring a clip of another size to the model's; otherwise refuse it."),
            Field(
                "size", \.size, .optional(ImageSize.form),
                "Height and width of the result; null: the model's sample_size."),
            Field(
                "fps", \.fps, .optional(ClipOptions.fpsForm),
                "Frames a second of the result, at which the clip is taken too; null: each given frame in its own time, "
                    + "new ones as the clip's, or 8."),
            Field(
                "max_video_frames", \.maxVideoFrames, .integer(in: 1...100_000),
                "A clip with more frames is refused, without being read further."),
            Field("output", \.output, .object, "What is written."),
        ]

    public func validate(_ checks: inout Checks) {
        drawing.validate(&checks)
        if (to != nil) != (direction == .between) {
            checks.fail(
                "to", and: ["direction"],
                to == nil
                    ? "the direction \"between\" leads to another clip, which is not given"
                    : "a second clip has no meaning with the direction \"\(direction.rawValue)\"",
                remedy: to == nil ? "Add \"to\"." : "Remove it, or use \"between\".")
        }
        if let contextFrames, let windowFrames, contextFrames >= windowFrames, direction != .between {
            checks.fail(
                "context_frames", and: ["window_frames", "direction"],
                "context_frames is \(contextFrames), which leaves nothing of a window of \(windowFrames)",
                remedy: "Lower it.")
        }
        if windowFrames != nil, direction == .between {
            checks.fail(
                "window_frames", and: ["direction"],
                "window_frames has no meaning with the direction \"between\", which is made in one window",
                remedy: "Remove it.")
        }
        if let labels = drawing.classLabels, labels.count > 1 {
            checks.fail("class_labels", "a clip has one class, but \(labels.count) are given", remedy: "Give one.")
        }
    }
}
