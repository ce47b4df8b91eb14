import CChild
import Glibc
import Problems

/// MP4 with H.264, as browsers play it: written by the program ffmpeg.
public enum MP4 {
    /// Writes frames of one size. Colours are halved in each direction (yuv420p) and compressed, so a frame comes back near, not
    /// exact; a side of odd length gets one more column or row, of black. The same frames give the same bytes with the same ffmpeg.
    ///
    /// - Parameter times: when each frame is shown, where they last differently; `rate` means nothing then.
    /// - Throws: a `Problem`: `unsupported` where ffmpeg is not installed, `unavailable` when it takes too long.
    public static func encode(
        _ frames: [Image], rate: FrameRate, times: FrameTimes? = nil, limits: VideoLimits = VideoLimits()
    ) throws -> [UInt8] {
        precondition(!frames.isEmpty, "a video has frames")
        let (width, height) = (frames[0].width, frames[0].height)
        precondition(frames.allSatisfy { $0.width == width && $0.height == height }, "frames have one size")
        // The container's index goes to its beginning at the end, so ffmpeg needs a file; this one has no name.
        let file = cchild_memory_file()
        guard file >= 0 else {
            throw Problem(.outOfMemory, "there is no memory for a video", cause: String(cString: strerror(-file)))
        }
        defer { close(file) }
        precondition(times.map { $0.count == frames.count } ?? true, "one time for each frame")
        let input =
            times == nil
            ? [
                "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "\(width)x\(height)", "-framerate", "\(rate)", "-i",
                "pipe:0",
            ]
            : ["-f", "matroska", "-i", "pipe:0"]
        let timing =
            times == nil
            ? []
            : [
                "-fps_mode", "passthrough", "-enc_time_base", "1:\(FrameTimes.second)", "-video_track_timescale",
                "\(FrameTimes.second)",
            ]
        let child = try ChildProcess(
            "ffmpeg",
            ["-hide_banner", "-v", "error", "-protocol_whitelist", "file,pipe"] + input + timing + [
                "-vf",
                "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-c:v", "libx264", "-threads", "1", "-preset", "medium", "-crf", "12",
                "-pix_fmt", "yuv420p", "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact",
                "-movflags", "+faststart", "-f", "mp4", "-y", "file:/proc/self/fd/3",
            ], pipes: .input, files: [file], limits: limits)
        try write(frames, times, to: child)
        let ending = try child.end()
        guard ending == .exited(0) else {
            throw Problem(
                .internal, "the MP4 video cannot be written", remedy: "Choose another output format.",
                cause: child.cause ?? "ffmpeg: \(ending)")
        }
        return try contents(of: file)
    }

    /// Hands over all frames, or as many as the child takes.
    private static func write(_ frames: [Image], _ times: FrameTimes?, to child: ChildProcess) throws {
        let pixels = frames.lazy.map { $0.converted(toChannels: 3).bytes }
        guard let times else {
            for bytes in pixels where try !child.write(bytes) { break }
            return
        }
        guard try child.write(RawMatroska.head(width: frames[0].width, height: frames[0].height)) else { return }
        for (bytes, (start, duration)) in zip(pixels, zip(times.starts, times.durations)) {
            guard try child.write(RawMatroska.frame(bytes, start: start, duration: duration)) else { return }
        }
    }

    private static func contents(of file: Int32) throws -> [UInt8] {
        let size = Int(lseek(file, 0, SEEK_END))
        lseek(file, 0, SEEK_SET)
        var bytes = [UInt8](repeating: 0, count: max(0, size))
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { read(file, $0.baseAddress! + filled, $0.count - filled) }
            guard count > 0 else {
                throw Problem(.io, "the written video cannot be read back", cause: String(cString: strerror(errno)))
            }
            filled += count
        }
        return bytes
    }
}
