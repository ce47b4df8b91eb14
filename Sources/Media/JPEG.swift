import CJPEG
import Problems

/// JPEG (ISO/IEC 10918-1), baseline and progressive.
enum JPEG {
    static let signature: [UInt8] = [0xFF, 0xD8, 0xFF]

    /// Baseline, extended and progressive, with Huffman or arithmetic coding.
    private static let processes: Set<UInt8> = [0xC0, 0xC1, 0xC2, 0xC9, 0xCA]

    /// Reads a JPEG from memory: grey, or RGB (converted from YCbCr, CMYK or YCCK), 8 bits.
    ///
    /// - Throws: a `Problem`: `corrupt` for a damaged or truncated file, also where a lenient decoder would make something up for
    ///   the missing part; `unsupported` for a coding outside 8-bit JPEG; `invalid` for a picture beyond `limits`.
    static func decode(_ data: [UInt8], limits: ImageLimits) throws -> DecodedImage {
        let header = try JPEGHeader(data)
        let (width, height, channels) = (header.width, header.height, header.components)
        guard header.precision == 8, [1, 3, 4].contains(channels), processes.contains(header.process) else {
            let coding =
                processes.contains(header.process)
                ? "of \(channels) components of \(header.precision) bits" : "with lossless or hierarchical coding"
            throw Problem(
                .unsupported, "a JPEG \(coding) is not read",
                remedy: "Save it as an 8-bit grey or RGB JPEG, or as PNG.")
        }
        // Entropy coding takes at least a bit for a block of 64 pixels, arithmetic coding of a flat picture somewhat
        // less. A picture in several scans is held as coefficients of two bytes until the last.
        try limits.check(width: width, height: height, bytesPerPixel: 8 * channels) { $0 / 65536 <= data.count }

        var pixels = [UInt8](repeating: 0, count: width * height * channels)
        var report = cjpeg_report()
        let isWhole = cjpeg_decode(
            data, data.count, Int32(width), Int32(height), Int32(channels), limits.memory, &pixels, &report)
        guard isWhole else {
            throw Problem(
                .corrupt, "the JPEG cannot be decoded", remedy: ImageLimits.damaged, cause: text(report.damage))
        }
        var profile = header.profile
        if channels == 4 {
            pixels = InvertedCMYK.rgb(pixels, profile: profile)
            profile = nil
        }
        let warning = text(report.warning)
        return DecodedImage(
            image: Image(width: width, height: height, channels: min(channels, 3), bytes: pixels),
            orientation: Exif.orientation(header.exif, xmp: header.xmp), profile: profile,
            warnings: warning.isEmpty ? [] : ["is read whole, but its decoder says: \(warning)"])
    }

    /// The text of a C array of characters.
    private static func text<Characters>(_ characters: Characters) -> String {
        withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
