internal import Problems

#if canImport(Glibc)
    internal import Glibc
#endif

/// Memory for tensors that are larger than main memory should hold: a file without a name. Where the kernel needs its pages for something
/// else, it writes them out and reads them again.
final class FileMemory {
    let pointer: UnsafeMutablePointer<Float>
    private let bytes: Int

    /// - Parameters:
    ///   - count: floats, uninitialized.
    ///   - directory: whose file system the file lies in.
    /// - Throws: `diskFull` where that has too little space, `outOfMemory` where the process has too few addresses, or `io`.
    init(_ count: Int, in directory: String) throws(Problem) {
        bytes = max(1, count) * MemoryLayout<Float>.stride
        var template = Array("\(directory)/.spilled-XXXXXX".utf8CString)
        let file = mkstemp(&template)
        guard file >= 0 else { throw Self.problem(errno, bytes, directory) }
        defer { close(file) }
        unlink(template)
        // All of it now: a page for which there is no space later would end the process.
        let failure = posix_fallocate(file, 0, bytes)
        guard failure == 0 else { throw Self.problem(failure, bytes, directory) }
        pointer = try Self.mapped(bytes, MAP_SHARED, file, directory)
    }

    /// For a rehearsal: addresses alone.
    init(rehearsing count: Int) throws(Problem) {
        bytes = max(1, count) * MemoryLayout<Float>.stride
        pointer = try Self.mapped(bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, "")
    }

    deinit { munmap(pointer, bytes) }

    private static func mapped(
        _ bytes: Int, _ kind: Int32, _ file: Int32, _ directory: String
    ) throws(Problem) -> UnsafeMutablePointer<Float> {
        let start = mmap(nil, bytes, PROT_READ | PROT_WRITE, kind, file, 0)
        guard let start, start != MAP_FAILED else { throw problem(errno, bytes, directory) }
        return start.assumingMemoryBound(to: Float.self)
    }

    private static func problem(_ error: Int32, _ bytes: Int, _ directory: String) -> Problem {
        let code: Problem.Code =
            switch error {
            case ENOSPC, EDQUOT, EFBIG: .diskFull
            case ENOMEM: .outOfMemory
            default: .io
            }
        return Problem(
            code,
            "\(bytes >> 20) MiB of a large image's layers cannot be kept in a file: \(String(cString: strerror(error)))",
            remedy: "Make space, or ask for a smaller image.", file: directory)
    }
}
