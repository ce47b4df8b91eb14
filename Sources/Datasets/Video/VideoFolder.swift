import Configurations
import Media
import Problems

/// The videos below a directory, each with all its frames as they are trained on: at one size, 8 bits deep.
struct VideoFolder: FileSource {
    let root: String
    /// Files, and directories of frames.
    let names: [String]
    let resolution: Int
    let channels: Int
    /// Whether the centre is cut out; otherwise proportions are changed.
    let centreCrop: Bool
    let limits: VideoLimits

    /// Bytes of a frame.
    var frameBytes: Int { resolution * resolution * channels }

    /// All frames of a video (T, H, W, C).
    func sample(_ index: Int, warn: (String) -> Void) throws -> Sample {
        try frames(of: index, atMost: limits.frames, warn: warn)
    }

    /// The same without some of its videos.
    func keeping(_ places: [Int]) -> VideoFolder {
        VideoFolder(
            root: root, names: places.map { names[$0] }, resolution: resolution, channels: channels,
            centreCrop: centreCrop, limits: limits)
    }

    /// The first frames of a video. Each is resized and cropped like the first, since all have one size.
    func frames(of index: Int, atMost count: Int, warn: (String) -> Void = { _ in }) throws -> Sample {
        let path = "\(root)/\(names[index])"
        var limits = limits
        limits.frames = count
        let reader = try VideoFile.open(path, limits: limits)
        var bytes: [UInt8] = []
        var size: (width: Int, height: Int)?
        while bytes.count < count * frameBytes, let frame = try reader.next() {
            if let size, size != (frame.width, frame.height) {
                throw Problem(
                    .corrupt, "frame \(bytes.count / frameBytes) is of another size than those before it",
                    remedy: "Bring all frames to one size.", file: path)
            }
            size = (frame.width, frame.height)
            bytes += frame.brought(to: resolution, channels: channels, centreCrop: centreCrop).bytes
        }
        guard !bytes.isEmpty else {
            throw Problem(.corrupt, "the video has no frames", remedy: "Leave it out.", file: path)
        }
        reader.notes.forEach(warn)
        return .bytes(bytes)
    }
}

extension Image {
    /// The image as a data set has it: at `resolution` x `resolution`, 1 or 3 channels.
    func brought(to resolution: Int, channels: Int, centreCrop: Bool) -> Image {
        let sized =
            if centreCrop {
                centreSquare(resolution: resolution)
            } else if width == resolution && height == resolution {
                self
            } else {
                resized(width: resolution, height: resolution)
            }
        return sized.converted(toChannels: channels)
    }
}

/// Clips of equally many frames, cut out of videos.
struct ClipWindows: SampleSource {
    /// Where a clip begins.
    struct Window: Sendable, Hashable {
        var video: Int
        var start: Int
    }

    private enum Frames {
        /// All frames of all videos, decoded once.
        case kept(SampleCache)
        case decoded(VideoFolder)
    }

    private let source: Frames
    private let frameBytes: Int
    private let frames: Int
    private let stride: Int
    let windows: [Window]

    var count: Int { windows.count }
    var isInMemory: Bool { if case .kept = source { true } else { false } }

    /// A clip (T, H, W, C).
    func sample(_ index: Int, warn: (String) -> Void) throws -> Sample {
        let window = windows[index]
        let last = window.start + (frames - 1) * stride
        let video =
            switch source {
            case .kept(let cache): try cache.sample(window.video)
            case .decoded(let folder): try folder.frames(of: window.video, atMost: last + 1)
            }
        guard case .bytes(let bytes) = video, bytes.count >= (last + 1) * frameBytes else {
            throw Problem(.corrupt, "a video has become shorter while it was trained on", remedy: "Begin anew.")
        }
        var clip: [UInt8] = []
        clip.reserveCapacity(frames * frameBytes)
        for frame in Swift.stride(from: window.start, through: last, by: stride) {
            clip += bytes[frame * frameBytes..<(frame + 1) * frameBytes]
        }
        return .bytes(clip)
    }

    /// - Parameters:
    ///   - survey: of the folder's videos.
    ///   - frames: of a clip.
    init(_ folder: VideoFolder, _ survey: FileSurvey, frames: Int, stride: Int, step: Int?) {
        frameBytes = folder.frameBytes
        self.frames = frames
        self.stride = stride
        source = survey.kept.map(Frames.kept) ?? .decoded(folder.keeping(survey.readable))
        let length = (frames - 1) * stride + 1
        windows = survey.memory.enumerated().flatMap { video, bytes in
            Swift.stride(from: 0, through: bytes / folder.frameBytes - length, by: step ?? frames * stride).map {
                Window(video: video, start: $0)
            }
        }
    }
}

extension OpenedSource {
    init(
        _ configuration: VideoFolderConfiguration, loading: LoadingOptions,
        progress: (_ done: Int, _ total: Int) throws -> Void
    ) throws {
        let root = configuration.path
        guard case .image(let size, let channels) = try configuration.images.shape() else {
            preconditionFailure("a video has pictures")
        }
        guard let frames = configuration.frames else {
            throw Problem(
                .invalid, "nothing says how many frames a clip has", remedy: "Add \"frames\".", path: "$.dataset.frames"
            )
        }
        let listing = try FolderListing(root, permit: loading.permit)
        let (videos, others, metadata) = try Self.videos(in: listing, root)
        let labels = try FolderLabels(configuration.labels, images: videos, metadata: metadata, listing)
        let folder = VideoFolder(
            root: root, names: videos, resolution: size.width, channels: channels,
            centreCrop: configuration.centerCrop,
            limits: VideoLimits(frames: configuration.maxFrames, image: loading.limits))
        let survey = try FileSurvey(
            folder, known: listing.problems + (metadata?.unknown(present: Set(videos), "video") ?? []),
            policy: configuration.unreadable, limit: configuration.cache.limit(loading.memory),
            threads: loading.threads, progress: progress)
        let clips = ClipWindows(
            folder, survey, frames: frames, stride: configuration.frameStride, step: configuration.clipStep)
        let used = Set(clips.windows.map(\.video))
        guard !used.isEmpty else {
            throw Problem(
                .invalid,
                "no video is as long as a clip of \(frames) frames, one of \(configuration.frameStride) of the video's each",
                remedy: "Give longer videos, or lower frames or frame_stride.", file: root)
        }
        self.init(
            source: clips, shape: .video(frames: frames, size, channels: channels), classes: labels.classes,
            labels: labels.labels.map { labels in clips.windows.map { labels[survey.readable[$0.video]] } })
        unreadable = survey.unreadable
        note(others, "is neither a video nor a frame and is left out", "are neither videos nor frames and are left out")
        note(
            survey.readable.indices.filter { !used.contains($0) }.map { videos[survey.readable[$0]] },
            "is shorter than a clip and is left out", "are shorter than a clip and are left out")
        note(listing, labels)
        notes += survey.notes
    }

    /// The videos of a folder: files, and directories that hold pictures.
    private static func videos(
        in listing: FolderListing, _ root: String
    ) throws -> (videos: [String], others: [String], metadata: ImageMetadata?) {
        var videos: Set<String> = []
        var others: [String] = []
        for file in listing.files where file != ImageMetadata.fileName {
            if VideoFile.Format.isNamed(file) {
                videos.insert(file)
            } else if ImageFile.Format(name: file)?.isRead == true {
                videos.insert(file.lastIndex(of: "/").map { String(file[..<$0]) } ?? ".")
            } else {
                others.append(file)
            }
        }
        guard !videos.isEmpty else {
            throw Problem(
                .invalid, "the directory holds no videos",
                remedy: "Put video files there, such as MP4, or folders of frames.", file: root)
        }
        let sorted = videos.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        guard listing.files.contains(ImageMetadata.fileName) else { return (sorted, others, nil) }
        return (sorted, others, try ImageMetadata("\(root)/\(ImageMetadata.fileName)"))
    }
}
