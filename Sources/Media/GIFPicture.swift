import CGIF
import Problems

extension GIF {
    /// Reads the first picture of a GIF from memory: RGB, or RGBA where it has transparency.
    ///
    /// - Throws: a `Problem`: `corrupt` for a damaged or truncated file; `invalid` for a picture beyond `limits`.
    static func decode(_ data: [UInt8], limits: ImageLimits) throws -> DecodedImage {
        try data.withUnsafeBufferPointer { buffer in
            guard let reader = cgif_reader_new(buffer.baseAddress, buffer.count) else {
                throw Problem(.outOfMemory, "there is no memory for a GIF")
            }
            defer { cgif_reader_free(reader) }
            func damage() -> Problem {
                Problem(
                    .corrupt, "the GIF cannot be decoded", remedy: ImageLimits.damaged,
                    cause: String(cString: cgif_reader_message(reader)))
            }
            var (width, height): (Int32, Int32) = (0, 0)
            guard cgif_read_header(reader, &width, &height) else { throw damage() }
            // A code of LZW stands for at most 4096 pixels.
            try limits.check(width: Int(width), height: Int(height), bytesPerPixel: 20) { _ in true }
            var pixels = [UInt8](repeating: 0, count: 4 * Int(width) * Int(height))
            var more: Int32 = 0
            guard cgif_read_pixels(reader, width, &pixels, &more) else { throw damage() }
            let isOpaque = stride(from: 3, to: pixels.count, by: 4).allSatisfy { pixels[$0] == 255 }
            var warnings: [String] = []
            if more > 0 { warnings.append("is an animation, of which the first frame is taken") }
            if more < 0 { warnings.append("is read whole, but has no end mark") }
            return DecodedImage(
                image: Image(width: Int(width), height: Int(height), rgba: pixels, keepsAlpha: !isOpaque),
                warnings: warnings)
        }
    }
}
