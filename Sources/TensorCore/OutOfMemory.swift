#if canImport(Glibc)
    internal import Glibc
#endif

/// What happens when the operating system has no more memory: the process ends. A tensor operation has no other way to
/// fail, and unwinding a half-done step would need memory itself.
public enum OutOfMemory {
    /// Ends the process; receives the number of bytes that were requested.
    public typealias Handler = @Sendable (_ bytes: Int) -> Never

    /// Writes a message to standard error and aborts.
    public static let abort: Handler = { bytes in
        report(bytes)
        Glibc.abort()
    }

    /// Writes a message to standard error and ends the process with a status.
    public static func exit(_ status: Int32) -> Handler {
        { bytes in
            report(bytes)
            _exit(status)
        }
    }

    private static func report(_ bytes: Int) {
        var message = Array("out of memory: \(bytes) bytes are not available\n".utf8)
        _ = write(STDERR_FILENO, &message, message.count)
    }
}
