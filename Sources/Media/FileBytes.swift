import Glibc
import Problems

/// Reads whole files that someone else put there.
enum FileBytes {
    /// The content of the regular file at `path`.
    ///
    /// - Throws: a `Problem` that names the file: `missing`, `denied`, `io`; `invalid` for something that is not a regular file
    ///   (a pipe would wait for a writer) or is longer than `limit` bytes.
    static func read(_ path: String, atMost limit: Int) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure(path, errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure(path, errno) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Problem(.invalid, "this is not a file", remedy: "Name a regular file.", file: path)
        }
        guard status.st_size <= limit else {
            throw Problem(
                .invalid, "the file is too large: \(status.st_size) bytes, where \(limit) are allowed",
                remedy: "Scale the picture down, or leave it out.", file: path)
        }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress! + filled, $0.count - filled)
            }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw failure(path, errno) }
            if count == 0 { break }
            filled += count
        }
        // A file that shrank meanwhile is judged by what is left of it.
        bytes.removeLast(bytes.count - filled)
        return bytes
    }

    private static func failure(_ path: String, _ code: Int32) -> Problem {
        let cause = String(cString: strerror(code))
        switch code {
        case ENOENT, ENOTDIR:
            return Problem(
                .missing, "there is no such file", remedy: "Check its name and place.", file: path, cause: cause)
        case EACCES, EPERM, ELOOP:
            return Problem(
                .denied, "the file may not be read", remedy: "Let the user that diffd runs as read it.", file: path,
                cause: cause)
        default:
            return Problem(
                .io, "the file cannot be read", remedy: "Check the disk that it is on.", file: path, cause: cause)
        }
    }
}
