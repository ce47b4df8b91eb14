package import ControlAPI
import Glibc
package import NIOCore
package import Problems

/// Finds out who is at the other end of a connection.
package enum PeerCredentials {
    /// `struct ucred` of unix(7).
    private struct Credentials: Sendable {
        var pid: Int32
        var uid: UInt32
        var gid: UInt32
    }

    /// The uid of who made the connection, as the kernel tells it; nil for what is no Unix socket. To be called on the channel's loop.
    static func user(of channel: any Channel) -> UInt32? {
        guard let options = channel as? any SocketOptionProvider else { return nil }
        let answer = option(options)
        // On the loop itself the answer is there at once.
        var credentials: Credentials?
        answer.assumeIsolated().whenSuccess { credentials = $0 }
        return credentials?.uid
    }

    /// Asks the kernel for the peer's ids as they were when it connected, and the user database for its name and groups.
    package static func caller(of channel: any Channel) async throws(Problem) -> Caller {
        guard let options = channel as? any SocketOptionProvider else {
            throw unknown("the connection is not a socket")
        }
        let credentials: Credentials
        do {
            credentials = try await option(options).get()
        } catch {
            throw unknown(String(describing: error))
        }
        let user = userName(credentials.uid)
        return Caller(
            uid: credentials.uid, gid: credentials.gid, pid: credentials.pid, user: user,
            groups: user.map { groups(of: $0, with: credentials.gid) } ?? [credentials.gid])
    }

    private static func option(_ options: any SocketOptionProvider) -> EventLoopFuture<Credentials> {
        options.unsafeGetSocketOption(level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
    }

    private static func unknown(_ cause: String) -> Problem {
        Problem(.internal, "cannot find out who is calling", cause: cause)
    }

    private static func userName(_ uid: UInt32) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        while buffer.count <= 1 << 20 {
            var entry = passwd()
            var found: UnsafeMutablePointer<passwd>?
            let status = getpwuid_r(uid, &entry, &buffer, buffer.count, &found)
            if status == ERANGE {
                buffer = [CChar](repeating: 0, count: buffer.count * 4)
            } else {
                return status == 0 && found != nil ? String(cString: entry.pw_name) : nil
            }
        }
        return nil
    }

    private static func groups(of user: String, with gid: UInt32) -> Set<UInt32> {
        var count: Int32 = 64
        while true {
            var groups = [gid_t](repeating: 0, count: Int(clamping: count))
            let capacity = count
            if getgrouplist(user, gid, &groups, &count) >= 0 { return Set(groups.prefix(Int(clamping: count))) }
            // Too many for the list: the call has set `count` to how many there are.
            guard count > capacity else { return [gid] }
        }
    }
}
