import CZlib
import Glibc
import Media
import Problems

/// Reads a file front to back, unpacking it when it is gzip.
struct GzipFile: ~Copyable {
    let path: String
    /// Bytes of the file as it lies on disk.
    let size: Int
    private let handle: gzFile

    init(_ path: String) throws {
        let (descriptor, size) = try FileBytes.open(path)
        guard let handle = gzdopen(descriptor, "rb") else {
            close(descriptor)
            throw Problem(.outOfMemory, "there is no memory to read the file", file: path)
        }
        self.path = path
        self.size = size
        self.handle = handle
    }

    deinit { gzclose_r(handle) }

    /// The most bytes that a file of this size can hold: deflate unpacks one byte into at most 1032.
    var mostBytes: Int { size.multipliedReportingOverflow(by: 1032).partialValue }

    /// Exactly `count` bytes.
    ///
    /// - Throws: a `Problem`: `corrupt` when the file ends before, or its checksum is wrong.
    func read(_ count: Int) throws -> [UInt8] {
        let bytes = try readUpTo(count)
        guard bytes.count == count else {
            throw damage("it ends after \(bytes.count) of \(count) bytes that its header promises")
        }
        return bytes
    }

    /// Asserts that nothing follows, and with it the checksum of a gzip file.
    func expectEnd() throws {
        guard try readUpTo(1).isEmpty else { throw damage("it is longer than its header says") }
    }

    func damage(_ cause: String) -> Problem {
        Problem(
            .corrupt, "the file is damaged or of another kind", remedy: "Fetch it again from its source.", file: path,
            cause: cause)
    }

    /// `count` bytes, or fewer at the end of the file. Room is taken as the bytes arrive.
    private func readUpTo(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(count, 1 << 20))
        while bytes.count < count {
            let read = gzread(handle, &chunk, UInt32(min(chunk.count, count - bytes.count)))
            if read <= 0 {
                var code: Int32 = 0
                let message = gzerror(handle, &code).map { String(cString: $0) } ?? ""
                if code == Z_ERRNO { throw FileBytes.failure(path, errno) }
                // A gzip file that is cut within its trailer has all its bytes, but nobody knows whether they are right.
                guard read == 0, code != Z_BUF_ERROR else { throw damage(message) }
                break
            }
            bytes += chunk[..<Int(read)]
        }
        return bytes
    }
}
