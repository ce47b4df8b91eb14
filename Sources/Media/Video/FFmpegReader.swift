import Glibc
import Problems

/// The frames of a video in a compressed format, decoded by the program ffmpeg, each once and with its own time.
///
/// The program is told the container that the file's first bytes show, and may open that file and nothing else: no network, no
/// playlists of other files. Frames come through one pipe, their times through another.
final class FFmpegReader: FrameReader {
    private let child: ChildProcess
    private let stream: VideoStream
    private let limits: VideoLimits
    private let path: String
    private let format: VideoFile.Format
    private let size: (width: Int, height: Int)
    private var buffer: [UInt8] = []
    private var position = 0
    private var frames = 0
    private var isAtEnd = false
    private var warnings: [String] = []
    /// When frames are shown, in microseconds, once they have ended.
    private var starts: [Int] = []

    init(_ path: String, _ format: VideoFile.Format, limits: VideoLimits) throws {
        self.path = path
        self.format = format
        self.limits = limits
        let input = ["-protocol_whitelist", "file,pipe", "-f", format.demuxer, "-i", "file:\(path)"]
        stream = try VideoStream(input, reading: path, limits: limits)
        let square = stream.squareSize
        try limits.image.check(width: square.width, height: square.height, bytesPerPixel: 16) { _ in true }
        let pixels = stream.hasAlpha ? "rgba" : "rgb24"
        let chain = (stream.filters + ["format=\(pixels)", "split[frames][clock]"]).joined(separator: ",")
        // The frames' own pipe counts them; times that don't ascend would be refused there, and become equal here.
        let graph =
            "[0:V:0]\(chain);[frames]settb=1/1000000,setpts=N[pixels];"
            + "[clock]setpts='if(isnan(PREV_OUTPTS),PTS,max(PTS,PREV_OUTPTS))'[times]"
        func output(_ label: String, _ target: [String]) -> [String] {
            [
                // One more than allowed, so that a longer video is known to be one.
                "-map", "[\(label)]", "-fps_mode", "passthrough", "-enc_time_base", "1:\(FrameTimes.second)",
                "-frames:v",
                "\(limits.frames + 1)", "-c:v", "rawvideo", "-pix_fmt", pixels,
            ] + target
        }
        let arguments =
            ["-nostdin", "-hide_banner", "-v", "error", "-xerror", "-err_detect", "explode", "-threads", "1"]
            + (stream.decoder.map { ["-c:v", $0] } ?? []) + input + ["-filter_complex", graph]
            // Times first: a frame that fills its pipe must not keep back how large frames are.
            + output("times", ["-flush_packets", "1", "-f", "framecrc", "pipe:3"])
            + output("pixels", ["-f", "rawvideo", "pipe:1"])
        child = try ChildProcess("ffmpeg", arguments, pipes: [.output, .side], reading: path, limits: limits)
        // A video stored on its side is turned; how it comes out is told before its first frame.
        size = Self.size(try child.side(until: "#sar") ?? []) ?? square
        try limits.image.check(width: size.width, height: size.height, bytesPerPixel: 16) { _ in true }
    }

    var notes: [String] {
        var notes = stream.notes + warnings
        if rate == nil, let times {
            let seconds = times.durations.map { Double($0) / Double(FrameTimes.second) }
            notes.append(
                "The video's frames last from \(seconds.min() ?? 0) to \(seconds.max() ?? 0) seconds; each counts once."
            )
        }
        return notes
    }

    var times: FrameTimes? {
        let count = min(frames, starts.count, limits.frames)
        guard count > 0 else { return nil }
        // ffmpeg doesn't hand on how long the last one is shown.
        let end = count < starts.count ? starts[count] : stream.duration.map { starts[0] + $0 }
        return FrameTimes(Array(starts[..<count]), lastDuration: end.map { $0 - starts[count - 1] })
    }

    var rate: FrameRate? { times?.constantRate(stream.rates) }

    func next() throws -> Image? {
        if isAtEnd { return nil }
        let channels = stream.hasAlpha ? 4 : 3
        guard let bytes = try take(channels * size.width * size.height) else { return try finish() }
        frames += 1
        let image = Image(width: size.width, height: size.height, channels: channels, bytes: bytes)
        if frames > limits.frames { starts = Self.starts(child.side) }
        return image.flattened
    }

    /// The end of the stream: of the video, or of what can be read of it.
    private func finish() throws -> Image? {
        isAtEnd = true
        let ending = try child.end()
        starts = Self.starts(child.side)
        // ffmpeg continues after some kinds of damage, but never in silence.
        let complaint = child.complaints.filter { line in !Self.harmless.contains { line.contains($0) } }
        guard ending == .exited(0), position == buffer.count, complaint.isEmpty, starts.count == frames else {
            throw damage(complaint.isEmpty ? "ffmpeg: \(ending)" : complaint.suffix(3).joined(separator: "; "))
        }
        warnings = child.complaints.suffix(3).map { "The video is read whole, but its decoder says: \($0)" }
        if format == .gif, frames <= limits.frames {
            switch try GIFBlocks.end(of: path, limits: limits) {
            case .marked: break
            case .unmarked: warnings.append("The GIF is read whole, but has no end mark.")
            case .cut: throw damage("the file ends within a frame")
            }
        }
        return nil
    }

    /// Complaints of ffmpeg about files that it decodes whole.
    private static let harmless = [
        "monoton", "unable to decode APP fields", "timescale not set", "Could not find codec parameters",
        "Unsupported codec", "unknown codec", "Last message repeated",
    ]

    private func damage(_ cause: String) -> Problem { Problem.brokenOff(after: frames, cause: cause).inFile(path) }

    /// `#dimensions 0: 64x48`.
    private static func size(_ head: [Substring]) -> (width: Int, height: Int)? {
        guard let line = head.first(where: { $0.hasPrefix("#dimensions") }) else { return nil }
        let sides = (line.split(separator: " ").last ?? "").split(separator: "x").compactMap { Int($0) }
        return sides.count == 2 && sides.allSatisfy { $0 > 0 } ? (sides[0], sides[1]) : nil
    }

    /// Of the lines `0, dts, pts, duration, size, sum`.
    private static func starts(_ text: [UInt8]) -> [Int] {
        var starts: [Int] = []
        for line in String(decoding: text, as: UTF8.self).split(whereSeparator: \.isNewline) where line.first != "#" {
            let fields = line.split(separator: ",").map { $0.drop { $0 == " " } }
            // Numbers of a made-up file: no more than a century, so that sums stay sums.
            guard fields.count >= 3, let start = Int(fields[2]), abs(start) < 1 << 52 else { break }
            starts.append(start)
        }
        return starts
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
        case .avi: "avi"
        case .mpegProgram: "mpeg"
        case .mpegVideo: "mpegvideo"
        case .mpegTransport: "mpegts"
        case .flv: "flv"
        case .asf: "asf"
        case .ogg: "ogg"
        }
    }
}
