import Glibc
import Problems

/// A lock on a file that the kernel drops when its holder dies, however it dies. The file says who holds it and stays when
/// the lock is gone.
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

    /// Takes the lock and writes `identity` into the file, which is created when it is missing. Nil when it is held,
    /// be it by this process. Released when the last reference goes; child processes don't inherit it.
    public static func acquire(_ path: String, identity: [UInt8], mode: UInt32 = 0o666) throws -> FileLock? {
        while true {
            let descriptor = try Descriptor(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode: mode, to: "open")
            guard try tryLock(descriptor, path) else { return nil }
            // A file that was removed and made anew in the meantime is another lock.
            guard try PosixFileSystem().status(path)?.identity == descriptor.status(of: path).identity else { continue }
            try check("truncate", path) { ftruncate(descriptor.raw, 0) }
            try descriptor.write(identity.span.bytes, to: path)
            return FileLock(path: path, descriptor: descriptor)
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

    private static func tryLock(_ descriptor: borrowing Descriptor, _ path: String) throws -> Bool {
        for _ in 0..<50 {
            if try isTaken(path, { flock(descriptor.raw, LOCK_EX | LOCK_NB) }) { return true }
            usleep(1000)
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
