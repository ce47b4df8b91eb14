import Glibc
import Problems

/// The frames of a video in a compressed format, decoded by the program ffmpeg.
///
/// The program is told the container that the file's first bytes show, and may open that file and nothing else: no network, no
/// playlists of other files.
final class FFmpegReader: FrameReader {
    let rate: FrameRate?
    let notes: [String]
    private let child: ChildProcess
    private let limits: VideoLimits
    private let path: String
    private let format: VideoFile.Format
    private var buffer: [UInt8] = []
    private var position = 0
    private var frames = 0
    private var isAtEnd = false

    init(_ path: String, _ format: VideoFile.Format, limits: VideoLimits) throws {
        self.path = path
        self.format = format
        self.limits = limits
        let input = ["-protocol_whitelist", "file,pipe", "-f", format.demuxer, "-i", "file:\(path)"]
        let stream = try VideoStream(input, limits: limits)
        try limits.image.check(width: stream.width, height: stream.height, bytesPerPixel: 12) { _ in true }
        rate = stream.rate
        var notes: [String] = []
        if stream.hasSound { notes.append("The video's sound is left out.") }
        if !stream.isConstant {
            notes.append("The video's frame rate varies; it is read at its mean, \(stream.rate) frames a second.")
        }
        self.notes = notes
        let timing = stream.isConstant ? ["-fps_mode", "passthrough"] : ["-vf", "fps=\(stream.rate)"]
        // One more than allowed, so that a longer video is known to be one.
        child = try ChildProcess(
            "ffmpeg",
            ["-nostdin", "-hide_banner", "-v", "error", "-xerror", "-err_detect", "explode", "-threads", "1"] + input
                + ["-map", "0:V:0", "-an", "-sn", "-dn"] + timing
                + [
                    "-frames:v", "\(limits.frames + 1)", "-pix_fmt", "rgb24", "-c:v", "ppm", "-f", "image2pipe",
                    "pipe:1",
                ],
            pipes: .output, limits: limits)
    }

    func next() throws -> Image? {
        if isAtEnd { return nil }
        guard let mark = try take(3) else { return try finish() }
        guard mark == Array("P6\n".utf8) else { throw damage("ffmpeg wrote something that is no picture") }
        let (width, height, maximum) = (try number(), try number(), try number())
        try limits.image.check(width: width, height: height, bytesPerPixel: 12) { _ in true }
        guard maximum == 255, let bytes = try take(3 * width * height) else { return try finish() }
        frames += 1
        return Image(width: width, height: height, channels: 3, bytes: bytes)
    }

    /// The end of the stream: of the video, or of what can be read of it.
    private func finish() throws -> Image? {
        isAtEnd = true
        let ending = try child.end()
        // ffmpeg goes on after some kinds of damage, but never in silence.
        guard ending == .exited(0), position == buffer.count, child.cause == nil else {
            throw damage(child.cause ?? "ffmpeg: \(ending)")
        }
        if format == .gif, frames <= limits.frames, try !Self.hasTrailer(path) { throw damage("the file has no end") }
        return nil
    }

    /// Whether a GIF ends as it must, which ffmpeg does not ask.
    private static func hasTrailer(_ path: String) throws -> Bool {
        let (descriptor, size) = try FileBytes.open(path)
        defer { close(descriptor) }
        var last: UInt8 = 0
        return pread(descriptor, &last, 1, off_t(size - 1)) == 1 && last == 0x3B
    }

    private func damage(_ cause: String) -> Problem { Problem.brokenOff(after: frames, cause: cause).inFile(path) }

    /// A number of the picture's header and the one space after it.
    private func number() throws -> Int {
        var value = 0
        while let byte = try take(1)?.first {
            guard (0x30...0x39).contains(byte), value < 1 << 24 else { break }
            value = 10 * value + Int(byte - 0x30)
        }
        return value
    }

    /// The next `count` bytes; nil when the stream ends before.
    private func take(_ count: Int) throws -> [UInt8]? {
        while buffer.count - position < count {
            if position > 0 {
                buffer.removeFirst(position)
                position = 0
            }
            let chunk = try child.read(atMost: max(count - buffer.count, 1 << 16))
            if chunk.isEmpty { return nil }
            buffer += chunk
        }
        defer { position += count }
        return Array(buffer[position..<position + count])
    }
}

extension VideoFile.Format {
    /// What ffmpeg calls it.
    fileprivate var demuxer: String {
        switch self {
        case .mp4: "mov"
        case .webm: "matroska"
        case .gif: "gif"
        case .y4m: "yuv4mpegpipe"
        }
    }
}

/// What the program ffprobe says of a file's first video stream.
private struct VideoStream {
    let width: Int
    let height: Int
    let rate: FrameRate
    /// Whether all frames last equally long.
    let isConstant: Bool
    let hasSound: Bool

    /// - Parameter input: the arguments that name the file.
    init(_ input: [String], limits: VideoLimits) throws {
        let child = try ChildProcess(
            "ffprobe",
            [
                "-hide_banner", "-v", "error", "-show_entries",
                "stream=codec_type,width,height,r_frame_rate,avg_frame_rate:stream_disposition=attached_pic", "-of",
                "default",
            ] + input, pipes: .output, limits: limits)
        var text: [UInt8] = []
        while case let chunk = try child.read(atMost: 1 << 16), !chunk.isEmpty {
            guard text.count < 1 << 20 else { break }
            text += chunk
        }
        let ending = try child.end()
        let streams = Self.streams(String(decoding: text, as: UTF8.self))
        func damage(_ message: String) -> Problem {
            Problem(.corrupt, message, remedy: ImageLimits.damaged, cause: child.cause)
        }
        guard ending == .exited(0) else { throw damage("the video cannot be read") }
        let pictures = streams.filter { $0["codec_type"] == "video" && $0["DISPOSITION:attached_pic"] != "1" }
        guard let stream = pictures.first else { throw damage("the file holds no pictures") }
        hasSound = streams.contains { $0["codec_type"] == "audio" }
        width = stream["width"].flatMap { Int($0) } ?? 0
        height = stream["height"].flatMap { Int($0) } ?? 0
        // The smallest rate on whose clock all frames lie, and the mean one. They agree where frames last equally long.
        let fine = stream["r_frame_rate"].flatMap { FrameRate($0) }
        let mean = stream["avg_frame_rate"].flatMap { FrameRate($0) }
        guard let rate = mean ?? fine else { throw damage("the video has no frame rate, or one out of bounds") }
        isConstant = fine.map { abs($0.perSecond / rate.perSecond - 1) < 0.01 } ?? true
        self.rate = isConstant ? fine ?? rate : rate
    }

    /// The keys and values of each section of ffprobe's plainest output.
    private static func streams(_ text: String) -> [[String: String]] {
        var streams: [[String: String]] = []
        for line in text.split(whereSeparator: \.isNewline) {
            if line == "[STREAM]" { streams.append([:]) }
            let parts = line.split(separator: "=", maxSplits: 1)
            if parts.count == 2, !streams.isEmpty { streams[streams.count - 1][String(parts[0])] = String(parts[1]) }
        }
        return streams
    }
}
