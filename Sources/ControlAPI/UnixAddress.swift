package import Glibc
package import Problems

/// The address of a Unix socket in the file system.
package struct UnixAddress {
    private var storage = sockaddr_un()

    /// Throws code `invalid` for a path that is empty, has a zero byte, or is longer than the kernel takes.
    package init(path: String) throws(Problem) {
        storage.sun_family = sa_family_t(AF_UNIX)
        let capacity = MemoryLayout.size(ofValue: storage.sun_path)
        guard !path.isEmpty, path.utf8.count < capacity, !path.utf8.contains(0) else {
            throw Problem(
                .invalid, "'\(path)' cannot be a socket's path: it must have 1 to \(capacity - 1) bytes",
                remedy: "Give a shorter one with --socket PATH or DIFFD_SOCKET.")
        }
        withUnsafeMutableBytes(of: &storage.sun_path) { $0.copyBytes(from: path.utf8) }
    }

    /// Calls `bind` or `connect` with the address.
    package func withSockaddr(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        withUnsafePointer(to: storage) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
}
