import Problems
import Synchronization

/// A file of lines that only grows: `events.jsonl`, `log.txt`.
///
/// Each line is one `write(2)` on a descriptor opened for appending, so that lines of several processes don't mix. Whoever
/// opens the log, or fails to write for want of space, cuts off an unfinished last line: a reader finds whole lines.
///
/// That no other process writes meanwhile is agreed upon by a lock on a file beside the log, which only our user can
/// open: readers of
/// the log cannot take it. Nobody waits long for it either: a line is written all the same, and the cut is left to the
/// next one.
public final class DurableLog: Sendable {
    public let path: String
    private let file: any WritableFile
    private let files: any FileSystem
    /// The lock excludes other processes; this excludes other threads.
    private let turn = Mutex(())

    /// - Parameter durability: of the name of a new log.
    public init(
        _ path: String, in files: any FileSystem, mode: UInt32 = 0o666, durability: Durability = .synchronized
    ) throws {
        self.path = path
        self.files = files
        let isNew = try !files.exists(path)
        let file = try files.openForAppending(path, mode: mode)
        self.file = file
        if isNew, durability == .synchronized { try files.synchronizeDirectory(Path.parent(path)) }
        try turn.withLock { _ in
            let size = try file.size()
            guard try files.endOfLastLine(path, size: size) < size, let lock = lock() else { return }
            // Once more: whoever had the lock may have finished the line.
            let now = try file.size()
            let end = try files.endOfLastLine(path, size: now)
            if end < now { try file.truncate(to: end) }
            withExtendedLifetime(lock) {}
        }
    }

    /// Adds a line, which must not contain a line feed. It survives a crash of the process; for one of the machine,
    /// `synchronize`.
    public func append(_ line: String) throws {
        var bytes = Array(line.utf8)
        guard !bytes.contains(UInt8(ascii: "\n")) else {
            throw Problem(.internal, "a line for \(path) contains a line feed")
        }
        bytes.append(UInt8(ascii: "\n"))
        try turn.withLock { _ in
            let lock = lock()
            let size = try file.size()
            do {
                try file.write(bytes.span.bytes)
            } catch {
                // The write's failure is the one to tell; should this fail too, the next to open the log does it.
                if lock != nil { try? file.truncate(to: size) }
                throw error
            }
            withExtendedLifetime(lock) {}
        }
    }

    /// Makes the lines so far durable.
    public func synchronize() throws {
        try file.synchronize()
    }

    /// Nil when another process has it, or no file can be made for it: a torn line stays for a while then.
    private func lock() -> FileLock? {
        try? FileLock.acquire(Path.join(Path.parent(path), ".\(Path.name(path)).lock"), tries: 5)
    }
}
