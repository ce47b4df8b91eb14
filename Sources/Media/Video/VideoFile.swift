import Problems

/// Frames of a video, one after the other.
public protocol FrameReader: AnyObject {
    /// Nil where nothing says it, as in a folder of pictures, and where frames last differently. Of a compressed video
    /// it is known at its end.
    var rate: FrameRate? { get }
    /// When the frames read until now are shown; nil where nothing says it.
    var times: FrameTimes? { get }
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
    /// Nil where nothing says it, and where frames last differently.
    public var rate: FrameRate?
    /// When the frames are shown; nil where nothing says it.
    public var times: FrameTimes?
    /// What a person should know of how it was read, as sentences.
    public var notes: [String]
    /// Whether reading ended at a limit, before the video did.
    public var isCutOff: Bool

    public init(
        frames: [Image], rate: FrameRate? = nil, times: FrameTimes? = nil, notes: [String] = [], isCutOff: Bool = false
    ) {
        self.frames = frames
        self.rate = rate
        self.times = times
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
        case avi = "AVI"
        case mpegProgram = "MPEG"
        case mpegVideo = "MPEG video"
        case mpegTransport = "MPEG transport stream"
        case flv = "FLV"
        case asf = "ASF or WMV"
        case ogg = "Ogg"

        /// As many bytes as it takes to tell the format.
        static let beginning = 400

        /// The format of a file that begins with `bytes`, if it is a video that we read.
        public init?(beginning bytes: some Collection<UInt8>) {
            let bytes = Array(bytes.prefix(Self.beginning))
            func begins(_ text: String, at offset: Int = 0) -> Bool { bytes.dropFirst(offset).starts(with: text.utf8) }
            if bytes.starts(with: [0x1A, 0x45, 0xDF, 0xA3]) {
                self = .webm
            } else if begins("GIF8") {
                self = .gif
            } else if begins("YUV4MPEG2") {
                self = .y4m
            } else if ["ftyp", "moov", "mdat", "wide", "free", "skip"].contains(where: { begins($0, at: 4) }) {
                self = .mp4
            } else if begins("RIFF") && begins("AVI ", at: 8) {
                self = .avi
            } else if bytes.starts(with: [0, 0, 1, 0xBA]) {
                self = .mpegProgram
            } else if bytes.starts(with: [0, 0, 1, 0xB3]) {
                self = .mpegVideo
            } else if begins("FLV\u{1}") {
                self = .flv
            } else if bytes.starts(with: [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11]) {
                self = .asf
            } else if begins("OggS") {
                self = .ogg
            } else if Self.isTransportStream(bytes) {
                self = .mpegTransport
            } else {
                return nil
            }
        }

        /// Packets of 188 bytes, each beginning with 0x47; on cameras' discs with a time of four bytes before each.
        private static func isTransportStream(_ bytes: [UInt8]) -> Bool {
            [(0, 188), (4, 192)].contains { first, length in
                (0..<2).allSatisfy { first + $0 * length < bytes.count && bytes[first + $0 * length] == 0x47 }
            }
        }

        private static let names: Set = [
            "mp4", "m4v", "mov", "qt", "3gp", "webm", "mkv", "gif", "y4m", "avi", "divx", "mpg", "mpeg", "mpe", "m1v",
            "m2v", "vob", "ts", "mts", "m2ts", "m2t", "flv", "wmv", "asf", "ogv", "ogg",
        ]

        /// Whether a file is called a video.
        public static func isNamed(_ name: String) -> Bool {
            guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return false }
            return names.contains(name[name.index(after: dot)...].lowercased())
        }
    }

    /// Opens the video at `path`: a file, or a directory of pictures, which are its frames in the order of their names
    /// and numbers.
    ///
    /// - Throws: a `Problem` that names the file: `missing`, `denied`, `io`; `corrupt` for what is no video; `unsupported` without
    ///   the program ffmpeg, where it is needed.
    public static func open(_ path: String, limits: VideoLimits = VideoLimits()) throws -> any FrameReader {
        do {
            if try FrameFolder.isDirectory(path) { return try FrameFolder(path, limits: limits) }
            let beginning = try FileBytes.beginning(path, count: Format.beginning)
            guard !beginning.isEmpty else {
                throw Problem(.corrupt, "the file is empty", remedy: ImageLimits.damaged)
            }
            switch Format(beginning: beginning) {
            case .y4m:
                do {
                    return try Y4MReader(path, limits: limits)
                } catch let problem as Problem where problem.code == .unsupported {
                    // Interlaced, of other pixels or deeper: ffmpeg reads those.
                    return try FFmpegReader(path, .y4m, limits: limits)
                }
            case let format?: return try FFmpegReader(path, format, limits: limits)
            case nil:
                throw Problem(
                    .corrupt, "the file is no video",
                    remedy: "Give a file such as MP4, WebM, AVI or GIF, or a folder of frames.")
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
            var clip = Clip(frames: [])
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
            (clip.rate, clip.times, clip.notes) = (reader.rate, reader.times, reader.notes)
            return clip
        } catch let problem as Problem {
            throw problem.inFile(path)
        }
    }
}
