import CZlib
import Problems

/// What zlib does to the members of a zip archive, which have no header of their own.
enum ZipData {
    /// Unpacks a deflated member.
    ///
    /// - Parameter count: bytes that must come out; the caller has made sure that there is room for so many.
    /// - Returns: nil where the data are damaged, or are not so many.
    static func inflated(_ packed: [UInt8], to count: Int) -> [UInt8]? {
        var packed = packed
        var stream = z_stream()
        // Negative: a raw stream, without zlib's header.
        guard inflateInit2_(&stream, -MAX_WBITS, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            return nil
        }
        defer { inflateEnd(&stream) }
        // One more than it should be, to see that nothing follows.
        var bytes = [UInt8](repeating: 0, count: count + 1)
        let isWhole = packed.withUnsafeMutableBufferPointer { source in
            bytes.withUnsafeMutableBufferPointer { target in
                guard let sourceCount = UInt32(exactly: source.count), let room = UInt32(exactly: target.count) else {
                    return false
                }
                stream.next_in = source.baseAddress
                stream.avail_in = sourceCount
                stream.next_out = target.baseAddress
                stream.avail_out = room
                return inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.avail_out == 1
            }
        }
        guard isWhole else { return nil }
        bytes.removeLast()
        return bytes
    }

    /// The checksum of zip (ISO 3309).
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        UInt32(truncatingIfNeeded: crc32_z(0, bytes, bytes.count))
    }
}
