public import StrictJSON

/// The `output` of a sample job. Points in the plane are drawn as a scatter plot in place of pictures.
public struct OutputOptions: Described, Hashable {
    public enum Format: String, Sendable, CaseIterable { case png }
    public enum Animation: String, Sendable, CaseIterable { case gif }
    public enum Video: String, Sendable, CaseIterable {
        case mp4, gif
        /// A directory of frames.
        case png
    }

    public var format = Format.png
    /// Nil: MP4, for models of video.
    public var video: Video?
    /// All pictures in one, `grid.png`.
    public var grid = true
    /// The way from noise to picture; nil: none.
    public var animation: Animation?
    /// Frames of the animation, spread evenly over the steps.
    public var animationFrames = 50

    public init() {}

    public static let fields: [Field<Self>] = [
        Field("format", \.format, .choice(), "Format of the pictures."),
        Field(
            "video", \.video, .optional(.choice()),
            "Format of the clips that a model of video makes: mp4 (when null), gif, or png for a directory of frames."),
        Field("grid", \.grid, .boolean, "All pictures in one, grid.png."),
        Field("animation", \.animation, .optional(.choice()), "The way from noise to picture as a GIF; null: none."),
        Field(
            "animation_frames", \.animationFrames, .integer(in: 2...1000),
            "Frames of the animation, spread over the steps."),
    ]
}
