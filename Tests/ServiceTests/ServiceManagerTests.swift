import Foundation
import Service
import Testing

/// The environment belongs to the whole process, so these run one after the other.
@Suite(.serialized) struct ServiceManagerTests {
    /// What systemd would hear of `body`.
    private func heard(_ body: (ServiceManager) -> Void) throws -> [String] {
        let path = NSTemporaryDirectory() + "diffd-notify-\(UUID().uuidString.prefix(8))"
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        try #require(descriptor >= 0)
        defer {
            close(descriptor)
            unlink(path)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        let bound = withUnsafePointer(to: address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(bound == 0)
        setenv("NOTIFY_SOCKET", path, 1)
        defer { unsetenv("NOTIFY_SOCKET") }
        body(ServiceManager())
        var messages: [String] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 {
            messages.append(String(decoding: buffer[..<count], as: UTF8.self))
        }
        return messages
    }

    @Test func saysWhatSystemdUnderstands() throws {
        let messages = try heard { manager in
            manager.status("running 1 shirts\nREADY=1")
            manager.ready()
            manager.watchdog()
            manager.stopping()
            manager.extendTimeout(seconds: 1.5)
        }
        // A line break in a status cannot become a message of its own.
        #expect(
            messages == [
                "STATUS=running 1 shirts READY=1", "READY=1", "WATCHDOG=1", "STOPPING=1", "EXTEND_TIMEOUT_USEC=1500000",
            ])
    }

    @Test func withoutSystemdThereIsNothingToDo() throws {
        ServiceManager().ready()
        #expect(ServiceManager().watchdogInterval == nil)
        #expect(try ServiceManager().inheritedSocket() == nil)
    }
}
