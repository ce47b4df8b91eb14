import Glibc
import Problems

/// A regular file that is open for reading at any offset, from several threads if need be; closed when its last reference
/// goes. Reads by `pread(2)`: unlike a mapping, a file that others cut off or whose disk fails gives an error, no signal.
public final class ReadableFile: Sendable {
    public let path: String
    /// When the file was opened.
    public let status: FileStatus
    private let descriptor: Descriptor

    /// - Parameter followsLinks: whether the last component of the path may be a symbolic link.
    /// - Throws: `Problem` `missing`, `denied` (also for a link that is not followed), `invalid` (not a regular file).
    public init(_ path: String, followsLinks: Bool = false) throws {
        self.path = path
        // O_NONBLOCK: opening a FIFO would otherwise wait for its writer.
        descriptor = try Descriptor(
            path, O_RDONLY | O_NONBLOCK | O_NOCTTY | (followsLinks ? 0 : O_NOFOLLOW), to: "open")
        status = try descriptor.status(of: path)
        guard status.kind == .regular else {
            throw Problem(.invalid, "\(path) is not a regular file", remedy: "Name a file")
        }
    }

    /// Reads from `offset` until `buffer` is full or the file ends; returns the number of bytes read.
    public func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int) throws -> Int {
        var done = 0
        while done < buffer.count {
            let count = try check("read", path) {
                pread(descriptor.raw, buffer.baseAddress! + done, buffer.count - done, off_t(offset + done))
            }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// Up to `count` bytes from `offset`; fewer where the file ends.
    public func read(_ count: Int, at offset: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            initializedCount = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
        }
    }
}
