import CSystemd
import Foundation
import Glibc
public import Problems

/// Talks to systemd (sd_notify(3)); without it, every call does nothing.
public struct ServiceManager: Sendable {
    public init() {}

    /// The daemon is up: the socket answers and recovery is done.
    public func ready() { notify("READY=1") }

    /// One line for `systemctl status`.
    public func status(_ line: String) {
        notify("STATUS=" + line.split(whereSeparator: \.isNewline).joined(separator: " ").printable)
    }

    /// A sign of life, to be sent from the work itself.
    public func watchdog() { notify("WATCHDOG=1") }

    public func stopping() { notify("STOPPING=1") }

    /// Asks for that much more time before systemd loses patience with a start or stop.
    public func extendTimeout(seconds: Double) {
        notify("EXTEND_TIMEOUT_USEC=\(UInt64(saturating: (seconds * 1e6).rounded(.up)))")
    }

    /// Seconds between two signs of life that systemd expects; nil when it expects none.
    public var watchdogInterval: Double? {
        var microseconds: UInt64 = 0
        guard sd_watchdog_enabled(0, &microseconds) > 0 else { return nil }
        return Double(microseconds) / 1e6
    }

    /// The descriptor of the socket that systemd has opened for us; nil when it has not. Throws code `invalid` when it passes
    /// several.
    public func inheritedSocket() throws(Problem) -> Int32? {
        // Unset the variables: they are not for our children.
        let count = sd_listen_fds(1)
        guard count != 0 else { return nil }
        guard count == 1 else {
            throw Problem(
                .invalid, "systemd passed \(count) sockets instead of one",
                remedy: "Let diffd.socket have exactly one ListenStream=.")
        }
        return SD_LISTEN_FDS_START
    }

    /// The directory of the control group (cgroup v2) that systemd has delegated to this process (`Delegate=`); nil when there is none,
    /// as for a program that was started by hand.
    public func delegatedControlGroup() -> String? {
        // The line of version 2; those of version 1 have a number and names before the path. Without /proc nothing is delegated.
        guard let lines = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8),
            let line = lines.split(separator: "\n").first(where: { $0.hasPrefix("0::/") })
        else { return nil }
        let group = "/sys/fs/cgroup" + line.dropFirst("0::".count)
        // Set by systemd 251 and later.
        var value: UInt8 = 0
        guard getxattr(group, "user.delegate", &value, 1) == 1, value == UInt8(ascii: "1") else { return nil }
        return group
    }

    private func notify(_ message: String) {
        // Nothing depends on it: if systemd does not hear us, its timeouts act.
        _ = sd_notify(0, message)
    }
}
