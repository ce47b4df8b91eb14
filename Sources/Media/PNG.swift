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

    /// Reads a PNG from memory.
    ///
    /// - Throws: a `Problem`: `corrupt` for anything wrong with the file, to its last byte (truncation and bad checksums
    ///   included); `invalid` for a picture beyond `limits`.
    public static func decode(_ data: [UInt8], limits: ImageLimits = ImageLimits()) throws -> Decoded {
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
            try limits.check(width: width, height: height) { _ in
                header.packed_row_bytes * height <= 1032 * buffer.count
            }

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
            return Decoded(image: image, texts: (0..<cpng_text_count(reader)).map { text(cpng_text_at(reader, $0)) })
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

    private static let outOfMemory = Problem(.outOfMemory, "there is no memory for a PNG")

    private static func text(_ chunk: cpng_text) -> Text {
        let bytes = UnsafeRawBufferPointer(start: chunk.text, count: chunk.length)
        if chunk.utf8 { return Text(String(cString: chunk.keyword), String(decoding: bytes, as: UTF8.self)) }
        var latin1 = String.UnicodeScalarView()
        latin1.append(contentsOf: bytes.map { Unicode.Scalar($0) })
        return Text(String(cString: chunk.keyword), String(latin1))
    }
}
