import CJPEG
import Problems

/// JPEG (ISO/IEC 10918-1), baseline and progressive.
public enum JPEG {
    static let signature: [UInt8] = [0xFF, 0xD8, 0xFF]

    /// Reads a JPEG from memory: grey, or RGB (converted from YCbCr, CMYK or YCCK), 8 bits, turned upright by its Exif tag.
    ///
    /// - Throws: a `Problem`: `corrupt` for a damaged or truncated file, also where a lenient decoder would make something up for
    ///   the missing part; `unsupported` for a coding outside 8-bit JPEG; `invalid` for a picture beyond `limits`.
    public static func decode(_ data: [UInt8], limits: ImageLimits = ImageLimits()) throws -> Image {
        let header = try JPEGHeader(data)
        let (width, height, channels) = (header.width, header.height, header.components)
        guard header.precision == 8, [1, 3, 4].contains(channels) else {
            throw Problem(
                .unsupported, "a JPEG of \(channels) components of \(header.precision) bits is not read",
                remedy: "Save it as an 8-bit grey or RGB JPEG, or as PNG.")
        }
        // Entropy coding takes at least a bit for a block of 64 pixels, arithmetic coding of a flat picture somewhat less.
        try limits.check(width: width, height: height) { pixels in pixels / 65536 <= data.count }

        var pixels = [UInt8](repeating: 0, count: width * height * channels)
        var message = [CChar](repeating: 0, count: Int(CJPEG_MESSAGE_CAPACITY))
        let status = cjpeg_decode(data, data.count, Int32(width), Int32(height), Int32(channels), &pixels, &message)
        let cause = String(decoding: message.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        // Some cameras pad before the end marker. It is the first thing found wrong, and nothing comes after it.
        let padded = status == CJPEG_DAMAGED && cause.contains("extraneous bytes before marker 0xd9")
        guard status == CJPEG_DECODED || padded else {
            throw Problem(.corrupt, "the JPEG cannot be decoded", remedy: ImageLimits.damaged, cause: cause)
        }
        if channels == 4 { pixels = rgb(fromInvertedCMYK: pixels) }
        return Image(width: width, height: height, channels: min(channels, 3), bytes: pixels)
            .upright(from: header.orientation)
    }

    /// Ink to light. Four-component JPEGs are written the way Adobe's programs do it: 255 is no ink.
    private static func rgb(fromInvertedCMYK ink: [UInt8]) -> [UInt8] {
        var light: [UInt8] = []
        light.reserveCapacity(ink.count / 4 * 3)
        for pixel in stride(from: 0, to: ink.count, by: 4) {
            let black = Int(ink[pixel + 3])
            for channel in pixel..<pixel + 3 { light.append(UInt8((Int(ink[channel]) * black + 127) / 255)) }
        }
        return light
    }
}
