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
    /// Time of the last change to the bytes, or whatever the owner has set.
    public var modified: FileTime
    /// Time of the last change to bytes, name or attributes, by the system's clock: nobody can set it.
    public var changed: FileTime
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
        size = Int(clamping: raw.st_size)
        identity = FileIdentity(
            device: UInt64(clamping: raw.st_dev), inode: UInt64(clamping: raw.st_ino))
        mode = UInt32(clamping: raw.st_mode & 0o7777)
        owner = raw.st_uid
        modified = FileTime(
            seconds: Int64(clamping: raw.st_mtim.tv_sec), nanoseconds: Int64(clamping: raw.st_mtim.tv_nsec))
        changed = FileTime(
            seconds: Int64(clamping: raw.st_ctim.tv_sec), nanoseconds: Int64(clamping: raw.st_ctim.tv_nsec))
        links = Int(clamping: raw.st_nlink)
    }
}

/// What a directory holds, in the order of the names' bytes; without `.` and `..`.
public struct DirectoryListing: Sendable, Hashable {
    public struct Entry: Sendable, Hashable {
        public var name: String
        public var kind: FileKind
    }

    /// A name that is not UTF-8. What it stands for can be moved, see `FileSystem.rename(unreadable:in:to:)`, and no
    /// more.
    public struct Unreadable: Sendable, Hashable {
        public var bytes: [UInt8]
        /// As well as it can be shown.
        public var shown: String { String(decoding: bytes, as: UTF8.self) }
    }

    public var entries: [Entry]
    /// In the order of their bytes.
    public var unreadable: [Unreadable]
    public var unreadableNames: [String] { unreadable.map(\.shown) }
}
