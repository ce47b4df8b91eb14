import CPNG
import Problems

/// PNG (ISO/IEC 15948): every colour type, depth and interlacing in; 8-bit files with text chunks out.
public enum PNG {
    static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

    /// One entry of a text chunk, such as the settings that made the picture under `parameters`.
    public struct Text: Sendable, Hashable {
        /// 1 to 79 printable ASCII characters.
        public var keyword: String
        public var value: String

        public init(_ keyword: String, _ value: String) {
            self.keyword = keyword
            self.value = value
        }
    }

    /// A picture with its text chunks in the file's order. Palettes and transparent colours are expanded, depths below 8 scaled
    /// up to 8; alpha is kept.
    public struct Decoded: Sendable {
        public var image: Image
        public var texts: [Text]
    }

    /// Reads a PNG from memory, as it is stored: neither turned upright nor brought to sRGB.
    ///
    /// - Throws: a `Problem`: `corrupt` where pixels are missing or damaged; `unsupported` for high dynamic range;
    ///   `invalid` for a picture beyond `limits`.
    public static func decode(_ data: [UInt8], limits: ImageLimits = ImageLimits()) throws -> Decoded {
        let (decoded, texts) = try read(data, limits: limits)
        return Decoded(image: decoded.image, texts: texts)
    }

    static func read(_ data: [UInt8], limits: ImageLimits) throws -> (decoded: DecodedImage, texts: [Text]) {
        try data.withUnsafeBufferPointer { buffer in
            guard let reader = cpng_reader_new(buffer.baseAddress, buffer.count) else { throw outOfMemory }
            defer { cpng_reader_free(reader) }
            func damage() -> Problem {
                Problem(
                    .corrupt, "the PNG cannot be decoded", remedy: ImageLimits.damaged,
                    cause: String(cString: cpng_reader_message(reader)))
            }

            var header = cpng_header()
            guard cpng_read_header(reader, &header) else { throw damage() }
            let (width, height, channels) = (Int(header.width), Int(header.height), Int(header.channels))
            // Deflate unpacks one byte into at most 1032.
            try limits.check(
                width: width, height: height, bytesPerPixel: channels * (Int(header.bits_per_sample) / 8 + 4)
            ) { _ in
                header.packed_row_bytes * height <= 1032 * buffer.count
            }
            try refuseHighDynamicRange(data)

            let count = width * height * channels
            let image: Image
            if header.bits_per_sample == 16 {
                var samples = [UInt16](repeating: 0, count: count)
                let read = samples.withUnsafeMutableBytes {
                    cpng_read_pixels(reader, $0.bindMemory(to: UInt8.self).baseAddress)
                }
                guard read else { throw damage() }
                image = Image(width: width, height: height, channels: channels, depth: .sixteen, samples: samples)
            } else {
                var bytes = [UInt8](repeating: 0, count: count)
                guard cpng_read_pixels(reader, &bytes) else { throw damage() }
                image = Image(width: width, height: height, channels: channels, bytes: bytes)
            }
            let texts = (0..<cpng_text_count(reader)).map { text(cpng_text_at(reader, $0)) }
            let xmp = texts.first { $0.keyword == "XML:com.adobe.xmp" }.map { Array($0.value.utf8)[...] }
            let warning = String(cString: cpng_reader_warning(reader))
            let decoded = DecodedImage(
                image: image, orientation: Exif.orientation(bytes(cpng_exif(reader)) ?? legacyExif(texts), xmp: xmp),
                profile: bytes(cpng_profile(reader)).map(Array.init),
                warnings: warning.isEmpty ? [] : ["is read whole, but its decoder says: \(warning)"])
            return (decoded, texts)
        }
    }

    /// Writes an image at 8 bits. The same image and texts give the same bytes with the same libpng and zlib.
    ///
    /// A text goes into a tEXt chunk where Latin-1 can hold it, as most viewers expect, and into an iTXt chunk otherwise.
    ///
    /// - Throws: a `Problem`: `internal` for a keyword that the format refuses, `outOfMemory`.
    public static func encode(_ image: Image, texts: [Text] = []) throws -> [UInt8] {
        guard let writer = cpng_writer_new() else { throw outOfMemory }
        defer { cpng_writer_free(writer) }
        func failure() -> Problem {
            Problem(.internal, "a PNG cannot be encoded", cause: String(cString: cpng_writer_message(writer)))
        }
        for text in texts {
            // The format ends a text at a zero.
            let value = String(text.value.map { $0 == "\0" ? "\u{FFFD}" : $0 })
            let latin1 = value.unicodeScalars.map { UInt8(exactly: $0.value).map(CChar.init(bitPattern:)) }
            let added =
                if latin1.contains(nil) {
                    cpng_writer_add_text(writer, text.keyword, value, true)
                } else {
                    cpng_writer_add_text(writer, text.keyword, latin1.compactMap(\.self) + [0], false)
                }
            guard added else { throw failure() }
        }
        guard cpng_write(writer, image.bytes, UInt32(image.width), UInt32(image.height), UInt8(image.channels)) else {
            throw failure()
        }
        return Array(UnsafeBufferPointer(start: cpng_writer_bytes(writer), count: cpng_writer_size(writer)))
    }

    /// ImageMagick's form of Exif, from before PNG had one: a line feed, `exif`, a length, and hexadecimal digits.
    private static func legacyExif(_ texts: [Text]) -> ArraySlice<UInt8>? {
        guard let text = texts.first(where: { $0.keyword == "Raw profile type exif" }) else { return nil }
        let digits = text.value.split(whereSeparator: \.isWhitespace).dropFirst(2).joined().utf8.compactMap {
            Character(UnicodeScalar($0)).hexDigitValue
        }
        return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }[...]
    }

    /// A chunk cICP that names the tone curve of PQ (16) or HLG (18), as ITU-T H.273 numbers them.
    private static func refuseHighDynamicRange(_ data: [UInt8]) throws {
        var bytes = ByteReader(data.dropFirst(signature.count))
        while let length = bytes.word32(little: false), let name = bytes.take(4), var chunk = bytes.take(Int(length)) {
            if name.bytes.elementsEqual("IDAT".utf8) { return }
            if name.bytes.elementsEqual("cICP".utf8), chunk.byte() != nil, let curve = chunk.byte(),
                [16, 18].contains(curve)
            {
                throw Problem(
                    .unsupported, "PNG pictures of high dynamic range are not read",
                    remedy: "Bring it to sRGB with the program that made it.")
            }
            _ = bytes.take(4)
        }
    }

    private static func bytes(_ chunk: cpng_bytes) -> ArraySlice<UInt8>? {
        chunk.length > 0 ? Array(UnsafeBufferPointer(start: chunk.bytes, count: chunk.length))[...] : nil
    }

    private static let outOfMemory = Problem(.outOfMemory, "there is no memory for a PNG")

    private static func text(_ chunk: cpng_text) -> Text {
        let bytes = UnsafeRawBufferPointer(start: chunk.text, count: chunk.length)
        if chunk.utf8 { return Text(String(cString: chunk.keyword), String(decoding: bytes, as: UTF8.self)) }
        var latin1 = String.UnicodeScalarView()
        latin1.append(contentsOf: bytes.map { Unicode.Scalar($0) })
        return Text(String(cString: chunk.keyword), String(latin1))
    }
}
