import Glibc
import Problems

/// A lock on a file that the kernel drops when its holder dies, however it dies. The file says who holds it and stays when
/// the lock is gone.
///
/// Whoever can open a file can lock it (flock(2)), for reading too: the file is for its owner only.
public final class FileLock: Sendable {
    public let path: String
    private let descriptor: Descriptor

    /// Who has a lock.
    public enum Holder: Sendable, Hashable {
        case nobody
        /// The file's content. Empty for a moment after the lock was taken.
        case somebody([UInt8])
    }

    private init(path: String, descriptor: consuming Descriptor) {
        self.path = path
        self.descriptor = descriptor
    }

    /// Takes the lock of a file, which is created when it is missing. Nil when it is held, be it by this process.
    /// Released when the last
    /// reference goes; child processes don't inherit it.
    ///
    /// - Parameters:
    ///   - identity: what the file then says about its holder; nothing is written where it is empty.
    ///   - tries: how often it is tried, a millisecond apart: somebody may be looking at it.
    public static func acquire(_ path: String, identity: [UInt8] = [], tries: Int = 50) throws -> FileLock? {
        while true {
            let descriptor = try open(path)
            guard try tryLock(descriptor, path, tries) else { return nil }
            let status = try descriptor.status(of: path)
            // A file that was removed and made anew in the meantime is another lock.
            guard try PosixFileSystem().status(path)?.identity == status.identity else { continue }
            // One of an earlier version, which its group could open.
            if status.mode & 0o077 != 0 { try check("set the mode of", path) { fchmod(descriptor.raw, 0o600) } }
            let lock = FileLock(path: path, descriptor: descriptor)
            if !identity.isEmpty { try lock.identify(identity) }
            return lock
        }
    }

    /// Writes into the file who holds the lock. Where that fails, for want of space perhaps, the lock is held all the
    /// same.
    public func identify(_ identity: [UInt8]) throws {
        try check("truncate", path) { ftruncate(descriptor.raw, 0) }
        try descriptor.write(identity.span.bytes, to: path)
    }

    /// In a directory of ours that others may write into, one of them may have made a file of that name: it is none of
    /// ours.
    private static func open(_ path: String) throws -> Descriptor {
        let flags = O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK
        do {
            return try Descriptor(path, flags, mode: 0o600, to: "open")
        } catch let problem as Problem where problem.code == .denied {
            let files = PosixFileSystem()
            guard let status = try files.status(path), ![0, geteuid()].contains(status.owner),
                try files.status(Path.parent(path), followsLinks: true)?.owner == geteuid()
            else { throw problem }
            try files.removeFile(path)
            return try Descriptor(path, flags, mode: 0o600, to: "open")
        }
    }

    /// Who holds the lock at this moment. A missing file is held by nobody.
    public static func holder(_ path: String) throws -> Holder {
        guard try PosixFileSystem().exists(path) else { return .nobody }
        let descriptor = try Descriptor(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, to: "open")
        // Looking means to hold a shared lock for an instant; `acquire` waits that out.
        if try isTaken(path, { flock(descriptor.raw, LOCK_SH | LOCK_NB) }) { return .nobody }
        return .somebody(try PosixFileSystem().read(path, limit: 1 << 20))
    }

    private static func tryLock(_ descriptor: borrowing Descriptor, _ path: String, _ tries: Int) throws -> Bool {
        for attempt in 0..<tries {
            if attempt > 0 { usleep(1000) }
            if try isTaken(path, { flock(descriptor.raw, LOCK_EX | LOCK_NB) }) { return true }
        }
        return false
    }

    /// Whether the lock was taken; false when another has it.
    private static func isTaken(_ path: String, _ lock: () -> Int32) throws -> Bool {
        while lock() != 0 {
            let number = errno
            if number == EWOULDBLOCK { return false }
            if number != EINTR { throw Problem(errno: number, cannot: "lock", path) }
        }
        return true
    }
}
