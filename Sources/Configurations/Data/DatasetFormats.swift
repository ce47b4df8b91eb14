public import StrictJSON

/// Data that are computed: points in the plane (spiral, disc_grid) or images of shapes with class labels.
public struct SyntheticDatasetConfiguration: HoldsImages, Hashable {
    public enum Name: String, Sendable, CaseIterable {
        case spiral
        case discGrid = "disc_grid"
        /// Anti-aliased discs, squares and triangles in colours; labels 0, 1, 2.
        case shapes
        /// Clips of one such shape that moves and bounces; labelled by motion: horizontal, vertical, diagonal.
        case movingShapes = "moving_shapes"
        /// One to three shapes with a caption that names colours, sizes and places.
        case captionedShapes = "captioned_shapes"
    }

    /// Classes of `shapes`, disc, square, triangle, and of `moving_shapes`.
    public static let shapeClasses = 3
    /// The lowest resolution of `captioned_shapes`.
    public static let leastCaptionedResolution = 16

    public var name = Name.spiral
    /// Number of samples; 25,000 points, 10,000 images, 100,000 images with captions or 4,000 clips unless given.
    public var count = 25_000
    public var seed: UInt64 = 0
    /// Frames of a clip; nil until it is known from the model.
    public var frames: Int?
    public var images = ImageOptions()
    public var validationSplit = ValidationSplit.none

    public init() {}

    public static let fields: [Field<Self>] =
        [
            Field("name", \.name, .choice(), "Which set.", required: true),
            Field(
                "count", \.count, .integer(in: 1...100_000_000),
                "Number of samples; 10000 for shapes, 4000 for moving_shapes and 100000 for captioned_shapes when left out."
            ),
            Field("seed", \.seed, .unsigned, "Seed of the set's own random numbers."),
            Field(
                "frames", \.frames, .optional(ClipLength.form),
                "Frames of a clip of moving_shapes; the model's sample_frames when left out."),
        ] + imageFields + [splitField]

    public mutating func complete(from node: JSONNode) {
        guard !node.gives("count") else { return }
        switch name {
        case .spiral, .discGrid: break
        case .shapes: count = 10_000
        case .movingShapes: count = 4_000
        case .captionedShapes: count = 100_000
        }
    }

    /// Whether its samples are points in the plane.
    public var holdsPoints: Bool { name == .spiral || name == .discGrid }

    public func validate(_ checks: inout Checks) {
        if frames != nil, name != .movingShapes {
            checks.fail(
                "frames", and: ["name"], "frames has no meaning for \"\(name.rawValue)\", which holds no clips",
                remedy: "Remove it.")
        }
        if name == .captionedShapes { checkCaptioned(&checks) }
        guard holdsPoints, images != ImageOptions() else { return }
        let keys = [
            ("resolution", images.resolution != nil), ("channels", images.channels != nil),
            ("horizontal_flip", images.horizontalFlip),
        ]
        for (key, isSet) in keys where isSet {
            checks.fail(
                key, and: ["name"], "\(key) has no meaning for the points of \"\(name.rawValue)\"", remedy: "Remove it."
            )
        }
    }

    /// What would make captions wrong.
    private func checkCaptioned(_ checks: inout Checks) {
        if images.horizontalFlip {
            checks.fail(
                "horizontal_flip", and: ["name"], "a mirrored picture has left and right of its caption exchanged",
                remedy: "Remove it.")
        }
        if images.channels == 1 {
            checks.fail("channels", and: ["name"], "captions name colours, but channels is 1", remedy: "Use 3.")
        }
        if let resolution = images.resolution, resolution < Self.leastCaptionedResolution {
            checks.fail(
                "resolution", and: ["name"],
                "the shapes of captions cannot be told apart at \(resolution) x \(resolution) pixels",
                remedy: "Use at least \(Self.leastCaptionedResolution).")
        }
    }
}

/// What becomes of files of a data set that cannot be read.
public enum UnreadableFiles: String, Sendable, CaseIterable {
    /// The job fails and names them all.
    case refuse
    /// They are left out, and named in the job's log.
    case skip

    static let description = "Refuse a data set with files that cannot be read, naming all, or skip those."
}

/// A directory of pictures.
public struct ImageFolderConfiguration: HoldsImages, Hashable {
    /// Where class labels come from.
    public enum Labels: String, Sendable, CaseIterable {
        /// `metadata.jsonl` when it is there and names classes, else class folders when there are some, else none.
        case auto
        /// The first-level folders in the order of their names.
        case folders
        /// The key `label` of `metadata.jsonl`.
        case metadata
        case none
    }

    /// Whether decoded images are kept.
    public enum Cache: String, Sendable, CaseIterable {
        /// In memory when they fit.
        case auto
        case memory
        /// Decoded anew by a loader thread each time.
        case stream
    }

    public var path = ""
    public var images = ImageOptions()
    /// Resize the shorter side and cut out the centre; otherwise both sides are resized, whatever the proportions.
    public var centerCrop = true
    public var labels = Labels.auto
    public var captions = CaptionOptions()
    public var cache = Cache.auto
    public var unreadable = UnreadableFiles.refuse
    public var validationSplit = ValidationSplit.none

    public init() {}

    public static let fields: [Field<Self>] =
        [Field("path", \.path, .string(), "The directory of images.", required: true)] + imageFields + [
            Field(
                "center_crop", \.centerCrop, .boolean,
                "Resize the shorter side and cut out the centre; otherwise stretch."),
            Field("labels", \.labels, .choice(), "Where class labels come from."),
        ] + captionFields + [
            Field("cache", \.cache, .choice(), "Keep decoded images in memory, or decode them each time."),
            Field("unreadable", \.unreadable, .choice(), UnreadableFiles.description),
            splitField,
        ]

    public func validate(_ checks: inout Checks) { checkCaptions(&checks) }
}

/// Images in the IDX format of the MNIST family, plain or gzip.
public struct IDXConfiguration: HoldsImages, Hashable {
    /// The file of images: `idx3-ubyte`, or `idx4-ubyte` with channels.
    public var imagesPath = ""
    /// The file of labels, `idx1-ubyte`; nil: none.
    public var labelsPath: String?
    public var images = ImageOptions()
    public var validationSplit = ValidationSplit.none

    public init() {}

    public static let fields: [Field<Self>] =
        [
            Field("images", \.imagesPath, .string(), "The file of images, plain or gzip.", required: true),
            Field("labels", \.labelsPath, .optional(.string()), "The file of labels, plain or gzip; null: none."),
        ] + imageFields + [splitField]
}

/// CIFAR-10 in its binary version: a directory of `data_batch_*.bin`.
public struct CIFAR10Configuration: HoldsImages, Hashable {
    public var path = ""
    public var images = ImageOptions()
    public var validationSplit = ValidationSplit.none

    public init() {}

    public static let fields: [Field<Self>] =
        [
            Field(
                "path", \.path, .string(), "The directory that holds data_batch_1.bin to data_batch_5.bin.",
                required: true)
        ]
        + imageFields + [splitField]
}
