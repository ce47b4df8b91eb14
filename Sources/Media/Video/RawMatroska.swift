/// Uncompressed frames with their times in Matroska (RFC 9559), the plainest container that ffmpeg reads times from:
/// what it is handed where frames last differently.
enum RawMatroska {
    /// What comes before the first frame, for RGB frames of a size.
    static func head(width: Int, height: Int) -> [UInt8] {
        let track =
            // Number, UID, kind: video, no lacing.
            number(0xD7, 1) + number(0x73C5, 1) + number(0x83, 1) + number(0x9C, 0)
            + element(0x86, Array("V_UNCOMPRESSED".utf8))
            + element(0xE0, number(0xB0, width) + number(0xBA, height) + element(0x2EB524, Array("RGB\u{18}".utf8)))
        return element(0x1A45_DFA3, element(0x4282, Array("matroska".utf8)))
            // The segment, of a size that is not told.
            + identifier(0x1853_8067) + [1] + [UInt8](repeating: 0xFF, count: 7)
            + element(0x1549_A966, number(0x2AD7B1, 1_000_000_000 / FrameTimes.second))
            + element(0x1654_AE6B, element(0xAE, track))
    }

    /// A frame in a cluster of its own.
    ///
    /// - Parameters:
    ///   - pixels: (H, W, 3).
    ///   - start: in microseconds.
    static func frame(_ pixels: [UInt8], start: Int, duration: Int) -> [UInt8] {
        // Track 1, at the cluster's time, no flags.
        let block = element(0xA1, [0x81, 0, 0, 0] + pixels)
        return element(0x1F43_B675, number(0xE7, start) + element(0xA0, block + number(0x9B, duration)))
    }

    private static func element(_ id: UInt32, _ content: [UInt8]) -> [UInt8] {
        identifier(id) + bytes(UInt64(content.count) | 1 << 56) + content
    }

    private static func number(_ id: UInt32, _ value: Int) -> [UInt8] { element(id, bytes(UInt64(value))) }

    private static func identifier(_ id: UInt32) -> [UInt8] { Array(bytes(UInt64(id)).drop { $0 == 0 }) }

    private static func bytes(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) }
    }
}
