import CChild
import Glibc
import Problems

/// MP4 with H.264, as browsers play it: written by the program ffmpeg.
public enum MP4 {
    /// Writes frames of one size. Colours are halved in each direction (yuv420p) and compressed, so a frame comes back near, not
    /// exact; a side of odd length gets one more column or row, of black. The same frames give the same bytes with the same ffmpeg.
    ///
    /// - Throws: a `Problem`: `unsupported` where ffmpeg is not installed, `unavailable` when it takes too long.
    public static func encode(
        _ frames: [Image], rate: FrameRate, limits: VideoLimits = VideoLimits()
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
        let child = try ChildProcess(
            "ffmpeg",
            [
                "-hide_banner", "-v", "error", "-protocol_whitelist", "file,pipe", "-f", "rawvideo", "-pix_fmt",
                "rgb24",
                "-s", "\(width)x\(height)", "-framerate", "\(rate)", "-i", "pipe:0", "-vf",
                "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-c:v", "libx264", "-threads", "1", "-preset", "medium", "-crf", "12",
                "-pix_fmt", "yuv420p", "-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact",
                "-movflags", "+faststart", "-f", "mp4", "-y", "file:/proc/self/fd/3",
            ], pipes: .input, files: [file], limits: limits)
        for frame in frames where try !child.write(frame.converted(toChannels: 3).bytes) { break }
        let ending = try child.end()
        guard ending == .exited(0) else {
            throw Problem(
                .internal, "the MP4 video cannot be written", remedy: "Choose another output format.",
                cause: child.cause ?? "ffmpeg: \(ending)")
        }
        return try contents(of: file)
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
