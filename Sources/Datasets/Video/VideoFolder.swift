import Configurations
import Media
import Problems

/// The videos below a directory, each with all its frames as they are trained on: at one size, 8 bits deep.
struct VideoFolder: SampleSource {
    let root: String
    /// Relative to `root`: files, and directories of frames.
    let videos: [String]
    let resolution: Int
    let channels: Int
    /// Whether the centre is cut out; otherwise proportions are changed.
    let centreCrop: Bool
    let limits: VideoLimits

    var count: Int { videos.count }
    var isInMemory: Bool { false }

    /// Bytes of a frame.
    var frameBytes: Int { resolution * resolution * channels }

    /// All frames of a video (T, H, W, C).
    func sample(_ index: Int) throws -> Sample { try frames(of: index, atMost: limits.frames) }

    /// The first frames of a video. Each is resized and cropped like the first, since all have one size.
    func frames(of index: Int, atMost count: Int) throws -> Sample {
        let path = "\(root)/\(videos[index])"
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
    func sample(_ index: Int) throws -> Sample {
        let window = windows[index]
        let last = window.start + (frames - 1) * stride
        let video =
            switch source {
            case .kept(let cache): cache.sample(window.video)
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

    /// Decodes all videos, to keep their frames where they fit, and in any case to know how many each has.
    ///
    /// - Parameters:
    ///   - frames: of a clip.
    ///   - mayKeep: whether decoded frames are kept up to `memory` bytes.
    init(
        _ folder: VideoFolder, frames: Int, stride: Int, step: Int?, mayKeep: Bool, memory: Int, threads: Int,
        progress: (_ done: Int, _ total: Int) throws -> Void
    ) throws {
        frameBytes = folder.frameBytes
        self.frames = frames
        self.stride = stride
        let counts: [Int]
        if mayKeep,
            let cache = try SampleCache(decoding: folder, limit: memory, threads: threads, progress: progress)
        {
            source = .kept(cache)
            counts = (0..<cache.count).map { cache.sample($0).memory / folder.frameBytes }
        } else {
            source = .decoded(folder)
            counts = try (0..<folder.count).map { index in
                let count = try folder.sample(index).memory / folder.frameBytes
                try progress(index + 1, folder.count)
                return count
            }
        }
        let length = (frames - 1) * stride + 1
        windows = counts.enumerated().flatMap { video, count in
            Swift.stride(from: 0, through: count - length, by: step ?? frames * stride).map {
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
        let (videos, others, metadata) = try Self.videos(in: FolderListing(root), root)
        let labels = try FolderLabels(configuration.labels, images: videos, metadata: metadata, root: root)
        let folder = VideoFolder(
            root: root, videos: videos, resolution: size.width, channels: channels,
            centreCrop: configuration.centerCrop,
            limits: VideoLimits(frames: configuration.maxFrames, image: loading.limits))
        let clips = try ClipWindows(
            folder, frames: frames, stride: configuration.frameStride, step: configuration.clipStep,
            mayKeep: configuration.cache != .stream,
            memory: configuration.cache == .memory ? .max : loading.memory, threads: loading.threads,
            progress: progress)
        let used = Set(clips.windows.map(\.video))
        guard !used.isEmpty else {
            throw Problem(
                .invalid,
                "no video is as long as a clip of \(frames) frames, every \(configuration.frameStride)th of the video's",
                remedy: "Give longer videos, or lower frames or frame_stride.", file: root)
        }
        self.init(
            source: clips, shape: .video(frames: frames, size, channels: channels), classes: labels.classes,
            labels: labels.labels.map { labels in clips.windows.map { labels[$0.video] } })
        note(others, "is neither a video nor a frame and is left out", "are neither videos nor frames and are left out")
        note(
            videos.indices.filter { !used.contains($0) }.map { videos[$0] }, "is shorter than a clip and is left out",
            "are shorter than a clip and are left out")
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
            } else if let format = ImageFile.Format(name: file), format == .png || format == .jpeg {
                videos.insert(file.lastIndex(of: "/").map { String(file[..<$0]) } ?? ".")
            } else {
                others.append(file)
            }
        }
        guard !videos.isEmpty else {
            throw Problem(
                .invalid, "the directory holds no videos",
                remedy: "Put MP4, WebM, MOV, GIF or Y4M files there, or folders of PNG frames.", file: root)
        }
        let sorted = videos.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        guard listing.files.contains(ImageMetadata.fileName) else { return (sorted, others, nil) }
        let metadata = try ImageMetadata("\(root)/\(ImageMetadata.fileName)")
        try metadata.refuseUnknown(present: videos, "video")
        return (sorted, others, metadata)
    }
}
