import Problems

/// The blocks of a GIF (GIF89a, appendix A), walked to see how it ends: ffmpeg does not ask.
enum GIFBlocks {
    enum End {
        case marked
        /// Without an end mark, but behind a whole block.
        case unmarked
        case cut
    }

    static func end(of path: String, limits: VideoLimits) throws -> End {
        end(of: try FileBytes.read(path, atMost: limits.image.fileBytes))
    }

    static func end(of data: [UInt8]) -> End {
        var bytes = ByteReader(data[...])
        // Signature, screen size, then flags: a table of colours follows where the highest bit says so.
        func table(_ flags: UInt8) -> Int { flags & 0x80 == 0 ? 0 : 3 << (Int(flags & 7) + 1) }
        guard bytes.take(10) != nil, let flags = bytes.byte(), bytes.take(2 + table(flags)) != nil else { return .cut }
        while let kind = bytes.byte() {
            switch kind {
            case 0x3B: return .marked
            case 0x21:
                guard bytes.byte() != nil else { return .cut }
            case 0x2C:
                guard bytes.take(8) != nil, let flags = bytes.byte(), bytes.take(table(flags) + 1) != nil else {
                    return .cut
                }
            // Bytes between blocks: nothing that a decoder shows.
            default: continue
            }
            // Sub-blocks, to one of length 0.
            while true {
                guard let length = bytes.byte() else { return .cut }
                if length == 0 { break }
                guard bytes.take(Int(length)) != nil else { return .cut }
            }
        }
        return .unmarked
    }
}
