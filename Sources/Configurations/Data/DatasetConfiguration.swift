public import StrictJSON

/// The `dataset` of a train job: one struct for each `format`.
public enum DatasetConfiguration: Sendable, Hashable {
    case synthetic(SyntheticDatasetConfiguration)
    case imageFolder(ImageFolderConfiguration)
    case videoFolder(VideoFolderConfiguration)
    case idx(IDXConfiguration)
    case cifar10(CIFAR10Configuration)

    public static let form = Form<DatasetConfiguration>.oneOf(
        "format",
        [
            Alternative("synthetic", Self.synthetic) { if case .synthetic(let payload) = $0 { payload } else { nil } },
            Alternative("image_folder", Self.imageFolder) {
                if case .imageFolder(let payload) = $0 { payload } else { nil }
            },
            Alternative("video_folder", Self.videoFolder) {
                if case .videoFolder(let payload) = $0 { payload } else { nil }
            },
            Alternative("idx", Self.idx) { if case .idx(let payload) = $0 { payload } else { nil } },
            Alternative("cifar10", Self.cifar10) { if case .cifar10(let payload) = $0 { payload } else { nil } },
        ])

    /// How images are brought to size; nil for points.
    public var images: ImageOptions? {
        get {
            switch self {
            case .synthetic(let synthetic): synthetic.holdsPoints ? nil : synthetic.images
            case .imageFolder(let folder): folder.images
            case .videoFolder(let folder): folder.images
            case .idx(let idx): idx.images
            case .cifar10(let cifar): cifar.images
            }
        }
        set {
            guard let newValue else { return }
            switch self {
            case .synthetic(var synthetic):
                synthetic.images = newValue
                self = .synthetic(synthetic)
            case .imageFolder(var folder):
                folder.images = newValue
                self = .imageFolder(folder)
            case .videoFolder(var folder):
                folder.images = newValue
                self = .videoFolder(folder)
            case .idx(var idx):
                idx.images = newValue
                self = .idx(idx)
            case .cifar10(var cifar):
                cifar.images = newValue
                self = .cifar10(cifar)
            }
        }
    }

    /// Whether its samples are clips.
    public var holdsClips: Bool {
        switch self {
        case .videoFolder: true
        case .synthetic(let synthetic): synthetic.name == .movingShapes
        case .imageFolder, .idx, .cifar10: false
        }
    }

    /// Frames of a clip; nil where that is not known yet, and for data without clips.
    public var frames: Int? {
        get {
            switch self {
            case .videoFolder(let folder): folder.frames
            case .synthetic(let synthetic): synthetic.frames
            case .imageFolder, .idx, .cifar10: nil
            }
        }
        set {
            switch self {
            case .videoFolder(var folder):
                folder.frames = newValue
                self = .videoFolder(folder)
            case .synthetic(var synthetic):
                synthetic.frames = newValue
                self = .synthetic(synthetic)
            case .imageFolder, .idx, .cifar10: break
            }
        }
    }

    /// What is kept from training to measure it by.
    public var validationSplit: ValidationSplit {
        switch self {
        case .synthetic(let synthetic): synthetic.validationSplit
        case .imageFolder(let folder): folder.validationSplit
        case .videoFolder(let folder): folder.validationSplit
        case .idx(let idx): idx.validationSplit
        case .cifar10(let cifar): cifar.validationSplit
        }
    }
}

/// Samples kept from training: in JSON, 0 for none, a fraction below 1, or a whole number of samples.
public enum ValidationSplit: Sendable, Hashable {
    case none
    case fraction(Double)
    case count(Int)

    /// How many of `total` samples are kept from training; at least 1 unless `none`.
    public func count(of total: Int) -> Int {
        switch self {
        case .none: 0
        case .fraction(let fraction): max(1, Int((Double(total) * fraction).rounded()))
        case .count(let count): count
        }
    }

    static let form = Form<ValidationSplit>(
        schema: ["type": "number", "minimum": 0],
        read: { node, path, report in
            guard let number = node.number else {
                return report.mismatch(node, path, "a fraction or a number of samples")
            }
            if number == 0 { return ValidationSplit.none }
            if number > 0, number < 1 { return .fraction(number) }
            if let count = node.integer, count > 0 { return .count(count) }
            report.add(
                "\(path.name) is \(number)", remedy: "Give 0, a fraction below 1, or a whole number of samples.",
                at: path,
                node.place)
            return nil
        },
        write: { split in
            switch split {
            case .none: 0
            case .fraction(let fraction): JSONNode(.number(fraction))
            case .count(let count): JSONNode(.integer(count))
            }
        })
}

/// What every image data set has: the size and channels that images are brought to, and flips.
public struct ImageOptions: Sendable, Hashable {
    /// Height and width of a sample; nil until it is known from the model.
    public var resolution: Int?
    /// 1 grey, 3 RGB; nil until it is known from the model.
    public var channels: Int?
    /// Mirror each sample left to right with probability 1/2.
    public var horizontalFlip = false

    public init(resolution: Int? = nil, channels: Int? = nil, horizontalFlip: Bool = false) {
        self.resolution = resolution
        self.channels = channels
        self.horizontalFlip = horizontalFlip
    }

    static let channelsForm = Form<Int>.integer(in: 1...3).refined {
        $0 == 2 ? ("is 2", "Give 1 for grey or 3 for RGB.") : nil
    }
}

/// A data set that has `ImageOptions` among its own keys.
protocol HoldsImages: Described {
    var images: ImageOptions { get set }
    var validationSplit: ValidationSplit { get set }
}

extension HoldsImages {
    static var imageFields: [Field<Self>] {
        [
            Field(
                "resolution", \.images.resolution, .optional(.integer(in: 1...ImageSize.maximumSide)),
                "Height and width that images are brought to; the model's sample_size when left out."),
            Field(
                "channels", \.images.channels, .optional(ImageOptions.channelsForm),
                "1 for grey, 3 for RGB; the model's channels when left out."),
            Field("horizontal_flip", \.images.horizontalFlip, .boolean, "Mirror each sample with probability 1/2."),
        ]
    }

    static var splitField: Field<Self> {
        Field(
            "validation_split", \.validationSplit, ValidationSplit.form,
            "Samples kept from training: 0, a fraction below 1, or a number of samples.")
    }
}
