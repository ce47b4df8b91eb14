import Glibc
import Problems

/// The machine's own file system.
public struct PosixFileSystem: FileSystem {
    public init() {}

    public func createFile(_ path: String, mode: UInt32) throws -> any WritableFile {
        try PosixFile(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode, to: "create")
    }

    public func openForAppending(_ path: String, mode: UInt32) throws -> any WritableFile {
        let file = try PosixFile(
            path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, mode: mode, to: "open")
        guard try file.descriptor.status(of: path).kind == .regular else {
            throw Problem(.invalid, "\(path) is not a regular file", remedy: "Remove what is there")
        }
        return file
    }

    public func createDirectory(_ path: String, mode: UInt32) throws {
        try check("create the directory", path) { mkdir(path, mode) }
    }

    public func createSymbolicLink(_ path: String, to target: String) throws {
        try check("create the link", path) { symlink(target, path) }
    }

    public func link(_ path: String, as newPath: String) throws {
        try check("link \(path) as", newPath) { Glibc.link(path, newPath) }
    }

    public func rename(_ path: String, to newPath: String) throws {
        try check("rename \(path) to", newPath) { Glibc.rename(path, newPath) }
    }

    public func rename(unreadable name: [UInt8], in directory: String, to newPath: String) throws {
        let path = (Array(directory.utf8) + [UInt8(ascii: "/")] + name + [0]).map { CChar(bitPattern: $0) }
        try check("rename a name that is not UTF-8 to", newPath) { Glibc.rename(path, newPath) }
    }

    public func exchange(_ path: String, with otherPath: String) throws {
        // glibc has renameat2 since 2.28 but shows its declaration to GNU sources only, which Swift's Glibc module is not.
        typealias RenameAt2 = @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32
        guard let symbol = dlsym(nil, "renameat2") else {
            throw Problem(errno: ENOSYS, cannot: "exchange \(path) with", otherPath)
        }
        let renameat2 = unsafeBitCast(symbol, to: RenameAt2.self)
        let renameExchange: UInt32 = 1 << 1
        while renameat2(AT_FDCWD, path, AT_FDCWD, otherPath, renameExchange) != 0 {
            let number = errno
            if number == EINVAL {
                throw Problem(
                    .unsupported, "cannot exchange \(path) with \(otherPath): their file system has no such call",
                    remedy: "Remove \(otherPath) first, or use ext4, XFS, Btrfs or tmpfs")
            }
            if number != EINTR { throw Problem(errno: number, cannot: "exchange \(path) with", otherPath) }
        }
    }

    public func removeFile(_ path: String) throws {
        try check("remove", path) { unlink(path) }
    }

    public func removeDirectory(_ path: String) throws {
        try check("remove the directory", path) { rmdir(path) }
    }

    public func synchronizeFile(_ path: String) throws {
        try Descriptor(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, to: "open").synchronize(path)
    }

    public func synchronizeDirectory(_ path: String) throws {
        let directory = try Descriptor(path, O_RDONLY | O_DIRECTORY, to: "open")
        while fsync(directory.raw) != 0 {
            let number = errno
            // EINVAL: some network and FUSE file systems have no such call and keep names durable by themselves.
            if number == EINVAL { return }
            if number != EINTR { throw Problem(errno: number, cannot: "synchronize", path) }
        }
    }
}

/// A file of the machine, open for writing.
private final class PosixFile: WritableFile {
    let path: String
    let descriptor: Descriptor

    init(_ path: String, _ flags: Int32, mode: UInt32, to action: String) throws {
        self.path = path
        descriptor = try Descriptor(path, flags, mode: mode, to: action)
    }

    func write(_ bytes: RawSpan) throws {
        try descriptor.write(bytes, to: path)
    }

    func synchronize() throws {
        try descriptor.synchronize(path)
    }

    func truncate(to size: Int) throws {
        try check("truncate", path) { ftruncate(descriptor.raw, off_t(size)) }
    }

    func size() throws -> Int {
        try descriptor.status(of: path).size
    }
}
