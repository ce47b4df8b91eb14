import Glibc
package import Problems

/// A connected stream socket in the file system. Closed when it goes out of scope.
package struct UnixConnection: ~Copyable {
    private let descriptor: Int32
    private let socket: String

    deinit { close(descriptor) }

    /// Throws `unavailable` where nothing answers at `path`, `denied` where the caller may not connect, both with a remedy.
    package init(path: String, timeout: Duration) throws(Problem) {
        descriptor = try Self.connected(to: path, timeout: timeout)
        socket = path
    }

    private static func connected(to path: String, timeout: Duration) throws(Problem) -> Int32 {
        let address = try UnixAddress(path: path)
        let made = Glibc.socket(
            AF_UNIX, Int32(clamping: SOCK_STREAM.rawValue) | Int32(clamping: SOCK_CLOEXEC.rawValue), 0)
        guard made >= 0 else { throw Problem(.io, "cannot make a socket", cause: message(errno)) }

        // On Unix sockets the send timeout also bounds the wait for a place in the listener's backlog.
        var limit = timeval(timeout)
        setsockopt(made, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let connected = address.withSockaddr { connect(made, $0, $1) }
        guard connected == 0 else {
            let code = errno
            close(made)
            throw unreachable(path, code)
        }
        return made
    }

    /// Sends all of `bytes`, or less when the other side takes no more: its answer, still to be read, may say why.
    package borrowing func write(_ bytes: [UInt8]) throws(Problem) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { all in
                let rest = UnsafeRawBufferPointer(rebasing: all[sent...])
                return send(descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno == EPIPE {
                return
            } else if errno != EINTR {
                throw lost(errno)
            }
        }
    }

    /// Whatever has come, waiting for at most `timeout` (nil: for ever); empty at the end of the connection.
    package borrowing func read(timeout: Duration?) throws(Problem) -> [UInt8] {
        let deadline = timeout.map { ContinuousClock.now + $0 }
        while true {
            var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            let ready = poll(&wanted, 1, deadline.map { (max(.zero, $0 - .now)).milliseconds } ?? -1)
            if ready == 0 {
                throw Problem(
                    .unavailable, "the daemon at \(socket) does not answer",
                    remedy: "See what it is doing: systemctl status diffd.")
            }
            if ready > 0 {
                var received = 0
                let bytes = [UInt8](unsafeUninitializedCapacity: 64 * 1024) { buffer, count in
                    received = recv(descriptor, buffer.baseAddress, buffer.count, 0)
                    count = max(0, received)
                }
                if received >= 0 { return bytes }
            }
            guard errno == EINTR || errno == EAGAIN else { throw lost(errno) }
        }
    }

    private borrowing func lost(_ code: Int32) -> Problem {
        Problem(
            .unavailable, "the connection to the daemon at \(socket) broke",
            remedy: "See whether diffd is still running: systemctl status diffd.", cause: Self.message(code))
    }

    private static func unreachable(_ path: String, _ code: Int32) -> Problem {
        switch code {
        case EACCES, EPERM:
            Problem(
                .denied, "you may not connect to \(path)",
                remedy: "Ask an administrator to add you to the group diffd, then log in again.", cause: message(code))
        case ENOENT:
            Problem(
                .unavailable, "no daemon is reachable: there is no socket at \(path)",
                remedy:
                    "Start diffd (systemctl start diffd, or make run), or name its socket with --socket PATH or DIFFD_SOCKET.",
                cause: message(code))
        default:
            Problem(
                .unavailable, "no daemon answers at \(path)",
                remedy:
                    "Start diffd (systemctl start diffd, or make run), or name its socket with --socket PATH or DIFFD_SOCKET.",
                cause: message(code))
        }
    }

    private static func message(_ code: Int32) -> String { String(cString: strerror(code)) }
}

extension timeval {
    fileprivate init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self.init(tv_sec: Int(clamping: seconds), tv_usec: Int(clamping: attoseconds / 1_000_000_000_000))
    }
}

extension Duration {
    /// Rounded up, and at most what `poll` takes.
    fileprivate var milliseconds: Int32 {
        let (seconds, attoseconds) = components
        guard seconds < 1_000_000 else { return 1_000_000_000 }
        return Int32(clamping: seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
