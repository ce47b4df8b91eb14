import Glibc
import Problems

/// The space of a file system, in bytes.
public struct DiskSpace: Sendable, Hashable {
    /// For this user.
    public var free: Int
    /// In all.
    public var total: Int
    /// Files that can still be made; nil where their number has no limit.
    public var freeFiles: Int?

    /// Of the file system in which `path` lies.
    public init(at path: String) throws {
        var status = statvfs()
        try check("find out the free space at", path) { statvfs(path, &status) }
        let block = UInt64(clamping: status.f_frsize)
        free = Int(clamping: UInt64(clamping: status.f_bavail) *| block)
        total = Int(clamping: UInt64(clamping: status.f_blocks) *| block)
        freeFiles = status.f_files > 0 ? Int(clamping: status.f_favail) : nil
    }
}
