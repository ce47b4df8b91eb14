import CTIFF
import Problems

/// TIFF 6.0 in what libtiff makes colours of: its first page.
enum TIFF {
    /// Reads a TIFF from memory: grey or RGB, with alpha where it has one, brought to 8 bits.
    ///
    /// - Throws: a `Problem`: `corrupt` for a damaged or truncated file; `unsupported` for numbers that are no colours,
    ///   such as floating-point ones; `invalid` for a picture beyond `limits`.
    static func decode(_ data: [UInt8], limits: ImageLimits) throws -> DecodedImage {
        try data.withUnsafeBufferPointer { buffer in
            guard let reader = ctiff_reader_new(buffer.baseAddress, buffer.count, max(limits.memory, 1 << 20)) else {
                throw Problem(.outOfMemory, "there is no memory for a TIFF")
            }
            defer { ctiff_reader_free(reader) }
            func damage() -> Problem {
                Problem(
                    .corrupt, "the TIFF cannot be decoded", remedy: ImageLimits.damaged,
                    cause: String(cString: ctiff_message(reader)))
            }
            var header = ctiff_header()
            var isSupported = true
            guard ctiff_read_header(reader, &header, &isSupported) else {
                if isSupported { throw damage() }
                throw Problem(
                    .unsupported, "the TIFF holds something that is not read as a picture",
                    remedy: "Save it with 8 or 16 bits in grey or RGB, or as PNG.",
                    cause: String(cString: ctiff_message(reader)))
            }
            let (width, height) = (Int(header.width), Int(header.height))
            // Compressed rows of one colour take next to nothing.
            try limits.check(width: width, height: height, bytesPerPixel: 20) { $0 / 65536 <= buffer.count }
            var pixels = [UInt8](repeating: 0, count: 4 * width * height)
            guard ctiff_decode(reader, &pixels) else { throw damage() }
            var warnings: [String] = []
            if header.has_more_pages { warnings.append("has several pages, of which the first is taken") }
            if header.bits_per_sample > 8 {
                warnings.append("has \(header.bits_per_sample) bits a sample, of which 8 are kept")
            }
            let complaint = String(cString: ctiff_message(reader))
            if !complaint.isEmpty { warnings.append("is read whole, but its decoder says: \(complaint)") }
            var image = Image(
                width: width, height: height, rgba: header.has_alpha ? unmultiplied(pixels) : pixels,
                keepsAlpha: header.has_alpha)
            if header.is_grey { image = image.withoutColour }
            func bytes(_ start: UnsafePointer<UInt8>?, _ count: Int) -> [UInt8]? {
                count > 0 ? Array(UnsafeBufferPointer(start: start, count: count)) : nil
            }
            return DecodedImage(
                image: image,
                orientation: Orientation(rawValue: header.orientation)
                    ?? Exif.orientation(nil, xmp: bytes(header.xmp, header.xmp_size)?[...]),
                // libtiff has made light of ink without asking its profile.
                profile: header.is_ink ? nil : bytes(header.profile, header.profile_size), warnings: warnings)
        }
    }

    /// Colours that were multiplied by their alpha, as they were before.
    private static func unmultiplied(_ pixels: [UInt8]) -> [UInt8] {
        var pixels = pixels
        for pixel in stride(from: 0, to: pixels.count, by: 4) {
            let alpha = Int(pixels[pixel + 3])
            guard alpha > 0, alpha < 255 else { continue }
            for channel in pixel..<pixel + 3 {
                pixels[channel] = UInt8(min(255, (Int(pixels[channel]) * 255 + alpha / 2) / alpha))
            }
        }
        return pixels
    }
}

extension Image {
    /// The red of each pixel for its grey, where all colours are equal.
    fileprivate var withoutColour: Image {
        let alpha = channels % 2 == 0
        let kept = stride(from: 0, to: samples.count, by: channels).flatMap { pixel in
            alpha ? [samples[pixel], samples[pixel + channels - 1]] : [samples[pixel]]
        }
        return Image(width: width, height: height, channels: alpha ? 2 : 1, depth: depth, samples: kept)
    }
}
