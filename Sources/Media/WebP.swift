import CWebP
import Problems

/// WebP, lossy and lossless: a picture, or the first frame of an animation.
enum WebP {
    /// Reads a WebP from memory: RGB, or RGBA where it has transparency, 8 bits.
    ///
    /// - Throws: a `Problem`: `corrupt` for a damaged or truncated file; `invalid` for a picture beyond `limits`.
    static func decode(_ data: [UInt8], limits: ImageLimits) throws -> DecodedImage {
        let damage = Problem(.corrupt, "the WebP cannot be decoded", remedy: ImageLimits.damaged)
        var header = cwebp_header()
        guard cwebp_read_header(data, data.count, &header) else { throw damage }
        let (width, height) = (Int(header.width), Int(header.height))
        // A flat picture takes next to nothing. The decoder keeps two canvases and a copy.
        try limits.check(width: width, height: height, bytesPerPixel: 24) { _ in true }
        var pixels = [UInt8](repeating: 0, count: 4 * width * height)
        guard cwebp_decode(data, data.count, &pixels) else { throw damage }
        func content(_ chunk: cwebp_chunk) -> ArraySlice<UInt8>? {
            chunk.length > 0 ? data[chunk.offset..<chunk.offset + chunk.length] : nil
        }
        return DecodedImage(
            image: Image(width: width, height: height, rgba: pixels, keepsAlpha: header.has_alpha),
            orientation: Exif.orientation(content(header.exif), xmp: content(header.xmp)),
            profile: content(header.profile).map(Array.init),
            warnings: header.frames > 1 ? ["is an animation, of which the first frame is taken"] : [])
    }
}

extension Image {
    /// An 8-bit image of pixels of four bytes, without their alpha unless it is to be kept.
    init(width: Int, height: Int, rgba: [UInt8], keepsAlpha: Bool) {
        if keepsAlpha {
            self.init(width: width, height: height, channels: 4, bytes: rgba)
            return
        }
        var samples: [UInt16] = []
        samples.reserveCapacity(rgba.count / 4 * 3)
        for pixel in stride(from: 0, to: rgba.count, by: 4) {
            for channel in pixel..<pixel + 3 { samples.append(UInt16(rgba[channel])) }
        }
        self.init(width: width, height: height, channels: 3, depth: .eight, samples: samples)
    }
}
