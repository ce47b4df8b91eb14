import Glibc
package import Problems

/// Reads whole files that someone else put there.
package enum FileBytes {
    /// The content of the regular file at `path`.
    ///
    /// - Throws: a `Problem` that names the file: `missing`, `denied`, `io`; `invalid` for something that is not a regular file
    ///   (a pipe would wait for a writer) or is longer than `limit` bytes.
    package static func read(_ path: String, atMost limit: Int) throws -> [UInt8] {
        let (descriptor, size) = try open(path)
        defer { close(descriptor) }
        guard size <= limit else {
            throw Problem(
                .invalid, "the file is too large: \(size) bytes, where \(limit) are allowed",
                remedy: "Give a smaller one, or leave it out.", file: path)
        }
        return try read(descriptor, size, path)
    }

    /// The first `count` bytes of a file, or all of a shorter one; throws as `read`.
    package static func beginning(_ path: String, count: Int) throws -> [UInt8] {
        let (descriptor, size) = try open(path)
        defer { close(descriptor) }
        return try read(descriptor, min(size, count), path)
    }

    private static func read(_ descriptor: Int32, _ size: Int, _ path: String) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: size)
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

    /// Opens the regular file at `path` for reading; the caller closes the descriptor.
    ///
    /// - Throws: as `read`.
    package static func open(_ path: String) throws -> (descriptor: Int32, size: Int) {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure(path, errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw failure(path, code)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw Problem(.invalid, "this is not a file", remedy: "Name a regular file.", file: path)
        }
        return (descriptor, Int(status.st_size))
    }

    /// The problem behind an error number of the operating system.
    package static func failure(_ path: String, _ code: Int32) -> Problem {
        let cause = String(cString: strerror(code))
        switch code {
        case ENOENT, ENOTDIR:
            return Problem(
                .missing, "there is no such file or directory", remedy: "Check its name and place.", file: path,
                cause: cause)
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
