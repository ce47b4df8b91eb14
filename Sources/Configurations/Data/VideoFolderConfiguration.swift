public import StrictJSON

/// How many frames a clip has.
enum ClipLength {
    static let form = Form<Int>.integer(in: 1...4096)
}

/// A directory of videos: files, or folders of frames.
public struct VideoFolderConfiguration: HoldsImages, Hashable {
    public var path = ""
    public var images = ImageOptions()
    /// Frames of a clip; nil until it is known from the model.
    public var frames: Int?
    /// Every so many-th frame of a video is one of the clip.
    public var frameStride = 1
    /// Frames of the video from the beginning of one clip to that of the next; nil: clips that do not overlap.
    public var clipStep: Int?
    /// Frames of a video that are read; those beyond are not.
    public var maxFrames = 10_000
    public var centerCrop = true
    public var labels = ImageFolderConfiguration.Labels.auto
    public var cache = ImageFolderConfiguration.Cache.auto
    public var unreadable = UnreadableFiles.refuse
    /// A directory of pictures that are trained on as clips of one frame; nil: none.
    public var stills: String?
    /// Share of the batches that hold pictures.
    public var imageRatio = 0.0
    public var validationSplit = ValidationSplit.none

    public init() {}

    public static let fields: [Field<Self>] =
        [
            Field(
                "path", \.path, .string(), "The directory of videos: files of any usual format, or folders of frames.",
                required: true),
            Field(
                "frames", \.frames, .optional(ClipLength.form),
                "Frames of a clip; the model's sample_frames when left out."),
            Field(
                "frame_stride", \.frameStride, .integer(in: 1...1000),
                "Every so many-th frame of a video is in the clip."),
            Field(
                "clip_step", \.clipStep, .optional(.integer(in: 1...1_000_000)),
                "Frames from the beginning of one clip to that of the next; null: clips that do not overlap."),
            Field(
                "max_frames", \.maxFrames, .integer(in: 1...1_000_000),
                "Frames of a video that are read, from its beginning."),
        ] + imageFields + [
            Field(
                "center_crop", \.centerCrop, .boolean,
                "Resize the shorter side and cut out the centre; otherwise stretch."),
            Field("labels", \.labels, .choice(), "Where class labels come from."),
            Field("cache", \.cache, .choice(), "Keep decoded frames in memory, or decode them each time."),
            Field("unreadable", \.unreadable, .choice(), UnreadableFiles.description),
            Field(
                "images", \.stills, .optional(.string()), "A directory of pictures to train on as clips of one frame."),
            Field("image_ratio", \.imageRatio, .number(in: 0..<1), "Share of the batches that hold pictures."),
            splitField,
        ]

    public mutating func complete(from node: JSONNode) {
        if stills != nil, !node.gives("image_ratio") { imageRatio = 0.2 }
    }

    public func validate(_ checks: inout Checks) {
        if stills == nil, imageRatio > 0 {
            checks.fail(
                "image_ratio", and: ["images"], "image_ratio is \(imageRatio), but there are no images",
                remedy: "Name a directory of pictures as \"images\", or remove image_ratio.")
        }
    }

    /// The pictures beside the videos.
    public var stillFolder: ImageFolderConfiguration? {
        stills.map { path in
            var folder = ImageFolderConfiguration()
            folder.path = path
            folder.images = images
            folder.centerCrop = centerCrop
            folder.labels = labels
            folder.cache = cache
            folder.unreadable = unreadable
            return folder
        }
    }
}
