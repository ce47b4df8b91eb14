import Glibc
import Problems

/// An open file descriptor, closed at the end of its life.
struct Descriptor: ~Copyable, Sendable {
    let raw: Int32

    /// `open(2)` with O_CLOEXEC, so that child processes inherit neither files nor locks.
    init(_ path: String, _ flags: Int32, mode: mode_t = 0, to action: String) throws {
        raw = try check(action, path) { open(path, flags | O_CLOEXEC, mode) }
    }

    deinit {
        // A failed close loses nothing: whatever must be durable was synchronized before.
        _ = close(raw)
    }

    func status(of path: String) throws -> FileStatus {
        var buffer = stat()
        try check("look at", path) { fstat(raw, &buffer) }
        return FileStatus(buffer)
    }

    func write(_ bytes: RawSpan, to path: String) throws {
        var done = 0
        while done < bytes.byteCount {
            let rest = bytes.extracting(droppingFirst: done)
            done += try check("write to", path) { rest.withUnsafeBytes { Glibc.write(raw, $0.baseAddress, $0.count) } }
        }
    }

    func synchronize(_ path: String) throws {
        try check("synchronize", path) { fsync(raw) }
    }
}
