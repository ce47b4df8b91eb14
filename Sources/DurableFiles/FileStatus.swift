import Glibc

/// What a name stands for.
public enum FileKind: Sendable, Hashable {
    case regular, directory, symbolicLink
    /// FIFO, socket or device.
    case special
}

/// Which file it is, whatever its name.
public struct FileIdentity: Sendable, Hashable {
    public var device: UInt64
    public var inode: UInt64
}

/// What the system knows about a file.
public struct FileStatus: Sendable, Hashable {
    public var kind: FileKind
    /// Bytes.
    public var size: Int
    public var identity: FileIdentity
    /// Permission bits.
    public var mode: UInt32
    /// User id of the owner.
    public var owner: UInt32
    /// Time of the last change to the bytes, in nanoseconds since 1970.
    public var modified: Int64
    /// Number of names.
    public var links: Int

    init(_ raw: stat) {
        kind =
            switch raw.st_mode & S_IFMT {
            case S_IFREG: .regular
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink
            default: .special
            }
        size = Int(raw.st_size)
        identity = FileIdentity(device: UInt64(raw.st_dev), inode: UInt64(raw.st_ino))
        mode = UInt32(raw.st_mode & 0o7777)
        owner = raw.st_uid
        modified = Int64(raw.st_mtim.tv_sec) * 1_000_000_000 + Int64(raw.st_mtim.tv_nsec)
        links = Int(raw.st_nlink)
    }
}

/// What a directory holds, in the order of the names' bytes; without `.` and `..`.
public struct DirectoryListing: Sendable, Hashable {
    public struct Entry: Sendable, Hashable {
        public var name: String
        public var kind: FileKind
    }

    public var entries: [Entry]
    /// Names that are not UTF-8, as well as they can be shown. They cannot be opened through this module.
    public var unreadableNames: [String]
}
