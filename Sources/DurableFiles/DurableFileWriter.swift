import Glibc

/// How much is promised when a write returns.
public enum Durability: Sendable, Hashable {
    /// The new content survives a crash of the machine; before, the old one does.
    case synchronized
    /// Readers see the old content or the new, and so does a crash of the process. A crash of the machine may lose either:
    /// for progress displays, and for files of a directory that `publishDirectory` will synchronize as a whole.
    case deferred
}

/// Writes a file that appears under its name all at once, when it is complete.
///
/// Steps: create a temporary file in the same directory, write, fsync, rename over the name, fsync the directory. A writer
/// that goes away without `commit` removes its temporary file; one that dies leaves it for `removeStaleTemporaries`.
public struct DurableFileWriter: ~Copyable {
    public let path: String
    /// Bytes written so far.
    public private(set) var count = 0

    private let files: any FileSystem
    private let durability: Durability
    private let temporary: String
    private let file: any WritableFile
    private var isCommitted = false

    public init(
        _ path: String, in files: any FileSystem, mode: UInt32 = 0o666, durability: Durability = .synchronized
    ) throws {
        self.path = path
        self.files = files
        self.durability = durability
        temporary = TemporaryName.beside(path)
        file = try files.createFile(temporary, mode: mode)
    }

    public mutating func write(_ bytes: RawSpan) throws {
        try file.write(bytes)
        count += bytes.byteCount
    }

    public mutating func write(_ bytes: [UInt8]) throws {
        try write(bytes.span.bytes)
    }

    /// Puts the file in its place.
    public consuming func commit() throws {
        if durability == .synchronized { try file.synchronize() }
        try files.rename(temporary, to: path)
        isCommitted = true
        if durability == .synchronized { try files.synchronizeDirectory(Path.parent(path)) }
    }

    deinit {
        // The failure that led here is already being thrown; a temporary that stays is removed at the next start.
        if !isCommitted { try? files.removeFile(temporary) }
    }
}
