public import ControlAPI
public import ControlServer
import Foundation
import Logging
import ServiceLifecycle
import TestSupport

/// Runs `body` beside a control server that listens on a socket of its own, in a directory that is removed afterwards. Without
/// `permissions`, whoever runs the test is the daemon's user.
public func withControlServer<Result: Sendable>(
    _ service: any JobService, limits: ControlLimits = ControlLimits(),
    permissions: Permissions? = nil,
    socket: (String) throws -> ListeningSocket = { try ListeningSocket(path: $0) },
    _ body: @escaping @Sendable (ControlClient) async throws -> Result
) async throws -> Result {
    let directory = FileManager.default.temporaryDirectory.appending(path: "diffd-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }  // A leftover in the temporary directory hurts nobody.
    let path = directory.appending(path: "s").path
    let (listening, signal) = AsyncStream.makeStream(of: Void.self)
    let server = ControlServer(
        service: service, socket: try socket(path),
        permissions: permissions ?? Permissions(daemonUser: getuid(), group: nil), limits: limits,
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, onListening: { signal.finish() })
    let group = ServiceGroup(services: [server], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    return try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask { try await group.run() }
        for await _ in listening {}
        do {
            let result = try await body(ControlClient(socket: path, timeout: patience))
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return result
        } catch {
            await group.triggerGracefulShutdown()
            // Leaving the group would cancel the server, at which NIO traps (swift-nio #3481). The first error counts.
            try? await tasks.waitForAll()
            throw error
        }
    }
}

/// Runs a call that blocks on a thread of its own, so that it does not take one from the server that it calls.
public func blocking<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Swift.Result(catching: work)) }
    }
}
