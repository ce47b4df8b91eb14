import CDispatch  // To the compiler, stat(2) is declared here: no earlier clang module includes its header.
import ControlAPI
import Glibc
public import Problems

/// A bound Unix socket for the control server: one of its own, or one that systemd passed in (sd_listen_fds(3)).
///
/// Whoever makes one hands it to one server, which closes it.
public struct ListeningSocket: Sendable {
    package let descriptor: Int32
    /// The file to remove at the end; nil for a socket that is systemd's.
    private let file: File?

    private struct File: Sendable, Hashable {
        var path: String
        var device: UInt
        var inode: UInt
    }

    /// A socket made elsewhere. Throws code `invalid` if `descriptor` is not a Unix stream socket.
    public init(inherited descriptor: Int32) throws(Problem) {
        func option(_ name: Int32) -> Int32? {
            var value: Int32 = 0
            var length = socklen_t(MemoryLayout<Int32>.size)
            return getsockopt(descriptor, SOL_SOCKET, name, &value, &length) == 0 ? value : nil
        }
        guard option(SO_DOMAIN) == AF_UNIX, option(SO_TYPE) == Int32(clamping: SOCK_STREAM.rawValue) else {
            throw Problem(
                .invalid, "descriptor \(descriptor) that was passed in is not a Unix stream socket",
                remedy: "Let the socket unit name the path of a socket file in ListenStream=.")
        }
        self.descriptor = descriptor
        file = nil
    }

    /// Makes a socket at `path` that user and group may use (0660) and others may not.
    ///
    /// It is bound under a temporary name, given its mode, made to listen, and then renamed to `path`: nobody can connect
    /// before the mode holds, and a socket that a dead daemon left is replaced in the same step. Throws code `unavailable`
    /// when a live daemon answers at `path`, and `invalid` when something other than a socket lies there.
    public init(path: String) throws(Problem) {
        try Self.checkFree(path)
        let temporary = path + ".tmp"
        let address = try UnixAddress(path: temporary)
        let made = socket(AF_UNIX, Int32(clamping: SOCK_STREAM.rawValue) | Int32(clamping: SOCK_CLOEXEC.rawValue), 0)
        guard made >= 0 else { throw Self.failure("make a socket for", path) }
        do {
            unlink(temporary)  // Left by a daemon that died half-way; bind fails if it cannot go.
            try Self.check("bind", path) { address.withSockaddr { bind(made, $0, $1) } }
            try Self.check("set the mode of", path) { chmod(temporary, 0o660) }
            try Self.check("listen at", path) { listen(made, 256) }
            try Self.check("name", path) { rename(temporary, path) }
            var status = stat()
            try Self.check("look at", path) { lstat(path, &status) }
            descriptor = made
            file = File(path: path, device: UInt(clamping: status.st_dev), inode: UInt(clamping: status.st_ino))
        } catch {
            close(made)
            unlink(temporary)
            throw error
        }
    }

    /// Removes the socket's file if it is its own and still there.
    func removeFile() {
        guard let file else { return }
        var status = stat()
        guard lstat(file.path, &status) == 0, UInt(clamping: status.st_dev) == file.device,
            UInt(clamping: status.st_ino) == file.inode
        else { return }
        unlink(file.path)
    }

    private static func checkFree(_ path: String) throws(Problem) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw Problem(
                .invalid, "\(path) is there and is not a socket",
                remedy: "Move it away, or name another path for the socket.")
        }
        do {
            _ = try UnixConnection(path: path, timeout: .seconds(1))
        } catch {
            return  // Nobody answers: a dead daemon's.
        }
        throw Problem(
            .unavailable, "another daemon answers at \(path)",
            remedy: "Stop it first, or give this one a socket and a spool of its own.")
    }

    private static func check(_ action: String, _ path: String, _ call: () -> Int32) throws(Problem) {
        if call() != 0 { throw failure(action, path) }
    }

    private static func failure(_ action: String, _ path: String) -> Problem {
        let cause = String(cString: strerror(errno))
        return Problem(
            .io, "cannot \(action) the control socket \(path)",
            remedy: "See that its directory exists and that diffd may write there.", cause: cause)
    }
}
