import CGIF
import Problems

/// Animated GIF (GIF89a), for seeing how a picture came about.
public enum GIF {
    /// Frames that stay equally long, but for the last, so that the result can be looked at.
    public static func encode(_ frames: [Image], delay: Double, lastDelay: Double? = nil) throws -> [UInt8] {
        var delays = [Double](repeating: delay, count: frames.count)
        if let lastDelay, !delays.isEmpty { delays[delays.count - 1] = lastDelay }
        return try encode(frames, delays: delays)
    }

    /// Writes frames of one size as an animation that repeats forever, each frame with a palette of its own.
    ///
    /// - Parameters:
    ///   - delays: seconds that each frame stays; rounded to hundredths.
    /// - Throws: a `Problem`: `unsupported` beyond 65535 pixels a side, which is the format's limit.
    public static func encode(_ frames: [Image], delays: [Double]) throws -> [UInt8] {
        precondition(!frames.isEmpty && delays.count == frames.count, "an animation has frames, each with its time")
        let (width, height) = (frames[0].width, frames[0].height)
        precondition(frames.allSatisfy { $0.width == width && $0.height == height }, "frames have one size")
        guard width <= 65535, height <= 65535 else {
            throw Problem(
                .unsupported, "a GIF of \(width) x \(height) pixels cannot be written",
                remedy: "Ask for smaller pictures or another format.")
        }
        guard let writer = cgif_writer_new(Int32(width), Int32(height)) else {
            throw Problem(.outOfMemory, "there is no memory for a GIF")
        }
        defer { cgif_writer_free(writer) }
        func failure() -> Problem {
            Problem(.internal, "a GIF cannot be encoded", cause: String(cString: cgif_message(writer)))
        }
        for (frame, seconds) in zip(frames, delays) {
            let palette = Palette(frame)
            let hundredths = Int32(min(max((seconds * 100).rounded(), 1), 65535))
            let count = Int32(palette.colours.count / 3)
            guard cgif_add_frame(writer, palette.indices, palette.colours, count, hundredths) else { throw failure() }
        }
        guard cgif_finish(writer) else { throw failure() }
        return Array(UnsafeBufferPointer(start: cgif_bytes(writer), count: cgif_size(writer)))
    }
}
