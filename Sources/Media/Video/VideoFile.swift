import Problems

/// Frames of a video, one after the other.
public protocol FrameReader: AnyObject {
    /// Nil where nothing says it: a folder of pictures.
    var rate: FrameRate? { get }
    /// What a person should know, as sentences: that sound is left out, for example.
    var notes: [String] { get }
    /// The next frame, without alpha (1 or 3 channels), or nil after the last.
    ///
    /// - Throws: a `Problem`: `corrupt` where the video breaks off, which says how many frames came before.
    func next() throws -> Image?
}

/// A video in memory: frames of one size.
public struct Clip: Sendable, Hashable {
    public var frames: [Image]
    public var rate: FrameRate?
    /// What a person should know of how it was read, as sentences.
    public var notes: [String]
    /// Whether reading ended at a limit, before the video did.
    public var isCutOff: Bool

    public init(frames: [Image], rate: FrameRate? = nil, notes: [String] = [], isCutOff: Bool = false) {
        self.frames = frames
        self.rate = rate
        self.notes = notes
        self.isCutOff = isCutOff
    }
}

/// Videos by what they hold, not by what they are called.
public enum VideoFile {
    /// What the first bytes of a file say it is.
    public enum Format: String, Sendable, CaseIterable {
        case mp4 = "MP4 or MOV"
        case webm = "WebM or Matroska"
        case gif = "GIF"
        case y4m = "Y4M"

        /// The format of a file that begins with `bytes` (12 are enough), if it is a video that we read.
        public init?(beginning bytes: some Collection<UInt8>) {
            let bytes = Array(bytes.prefix(12))
            func begins(_ text: String, at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: text.utf8) }
            if bytes.starts(with: [0x1A, 0x45, 0xDF, 0xA3]) {
                self = .webm
            } else if begins("GIF8") {
                self = .gif
            } else if begins("YUV4MPEG2") {
                self = .y4m
            } else if ["ftyp", "moov", "mdat", "wide", "free", "skip"].contains(where: { begins($0, at: 4) }) {
                self = .mp4
            } else {
                return nil
            }
        }

        /// Whether a file is called a video.
        public static func isNamed(_ name: String) -> Bool {
            guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return false }
            return ["mp4", "m4v", "mov", "webm", "mkv", "gif", "y4m"].contains(
                name[name.index(after: dot)...].lowercased())
        }
    }

    /// Opens the video at `path`: a file, or a directory of pictures, which are its frames in the order of their names' bytes.
    ///
    /// - Throws: a `Problem` that names the file: `missing`, `denied`, `io`; `corrupt` for what is no video; `unsupported` without
    ///   the program ffmpeg, where it is needed.
    public static func open(_ path: String, limits: VideoLimits = VideoLimits()) throws -> any FrameReader {
        do {
            if try FrameFolder.isDirectory(path) { return try FrameFolder(path, limits: limits) }
            let beginning = try FileBytes.beginning(path, count: 12)
            guard !beginning.isEmpty else {
                throw Problem(.corrupt, "the file is empty", remedy: ImageLimits.damaged)
            }
            switch Format(beginning: beginning) {
            case .y4m: return try Y4MReader(path, limits: limits)
            case let format?: return try FFmpegReader(path, format, limits: limits)
            case nil:
                throw Problem(
                    .corrupt, "the file is no video",
                    remedy: "Give an MP4, WebM, MOV, GIF or Y4M file, or a folder of PNG frames.")
            }
        } catch let problem as Problem {
            throw problem.inFile(path)
        }
    }

    /// Reads a whole video, or its first frames up to the limits: an hour-long file costs no more than they say.
    ///
    /// - Parameter kept: what is kept of a frame; what it throws is thrown on.
    /// - Throws: as `open` and `FrameReader.next`; `corrupt` for a video without frames or with frames of several sizes; `invalid`
    ///   when the frames take more memory than `limits` allow.
    public static func read(
        _ path: String, limits: VideoLimits = VideoLimits(), keeping kept: (Image) throws -> Image = { $0 }
    ) throws -> Clip {
        let reader = try open(path, limits: limits)
        do {
            var clip = Clip(frames: [], rate: reader.rate, notes: reader.notes)
            var memory = 0
            var size: (width: Int, height: Int)?
            while let frame = try reader.next() {
                if clip.frames.count == limits.frames {
                    clip.isCutOff = true
                    break
                }
                if let size, size != (frame.width, frame.height) {
                    throw Problem(
                        .corrupt,
                        "frame \(clip.frames.count) is \(frame.width) x \(frame.height), those before it are \(size.width) x "
                            + "\(size.height)", remedy: "Bring all frames to one size.")
                }
                size = (frame.width, frame.height)
                let frame = try kept(frame)
                memory += 2 * frame.samples.count
                guard memory <= limits.memory else {
                    throw Problem(
                        .invalid,
                        "the first \(clip.frames.count) frames of \(frame.width) x \(frame.height) fill the memory of "
                            + "\(limits.memory >> 20) MiB", remedy: "Give a shorter or smaller video.")
                }
                clip.frames.append(frame)
            }
            guard !clip.frames.isEmpty else {
                throw Problem(.corrupt, "the video has no frames", remedy: ImageLimits.damaged)
            }
            return clip
        } catch let problem as Problem {
            throw problem.inFile(path)
        }
    }
}
