public import ControlAPI
import HTTPTypes
import Hummingbird
import HummingbirdCore
public import Logging
import NIOCore
import NIOExtras
import NIOPosix
public import ServiceLifecycle

/// Serves the control API on a Unix socket until it is shut down.
///
/// Hummingbird routes and speaks HTTP. The loop that accepts connections is here, because Hummingbird's binds a path by itself:
/// it can neither take a socket from systemd nor give the file its mode before somebody connects.
public struct ControlServer: Service {
    private let routes: ControlRoutes
    private let socket: ListeningSocket
    private let limits: ControlLimits
    private let connections: ConnectionTable
    private let logger: Logger
    private let onListening: @Sendable () async -> Void

    /// `onListening` is called once the socket answers.
    public init(
        service: any JobService, socket: ListeningSocket, permissions: Permissions,
        limits: ControlLimits = ControlLimits(),
        logger: Logger, onListening: @escaping @Sendable () async -> Void = {}
    ) {
        connections = ConnectionTable(limits)
        routes = ControlRoutes(
            service: service, permissions: permissions, limits: limits, connections: connections)
        self.socket = socket
        self.limits = limits
        self.logger = logger
        self.onListening = onListening
    }

    /// Returns after a graceful shutdown: no connection is accepted any more, event streams have ended, and requests in progress have
    /// been answered, or have had the time to be (`ControlLimits.farewell`): no client delays that.
    public func run() async throws {
        defer { socket.removeFile() }
        let http = connectionHandler()
        let group = MultiThreadedEventLoopGroup.singleton
        let quiescing = ServerQuiescingHelper(group: group)
        let listener = try await ServerBootstrap(group: group)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(quiescing.makeServerChannelHandler(channel: channel))
                }
            }
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .bind(NIOBSDSocket.Handle(socket.descriptor)) { http.setup(channel: $0, logger: logger) }

        try await withGracefulShutdownHandler {
            await onListening()
            // Discarding: what a connection took goes with it.
            try await withThrowingDiscardingTaskGroup { tasks in
                try await listener.executeThenClose { accepted in
                    for try await connection in accepted {
                        tasks.addTask { await http.handle(value: connection, logger: logger) }
                    }
                }
            }
        } onGracefulShutdown: {
            quiescing.initiateShutdown(promise: nil)
            group.any().scheduleTask(in: TimeAmount(limits.farewell)) { connections.closeAll() }
        }
    }

    private func connectionHandler() -> HTTP1Channel {
        let responder = routes.router().buildResponder()
        return HTTP1Channel(
            responder: { [logger] request, writer, channel in
                let context = ControlContext(source: ApplicationRequestContextSource(channel: channel, logger: logger))
                let response: Response
                do {
                    response = try await responder.respond(to: request, context: context)
                } catch {
                    logger.debug("request \(request.method) \(request.uri.path) failed: \(error)")
                    throw error
                }
                try await writer.write(response: response.head, body: response.body)
                if response.headers[.connection] == "close" { try await channel.close() }
            },
            configuration: HTTP1Channel.Configuration(
                additionalChannelHandlers: [ConnectionHandler(connections, limits, logger)],
                idleTimeout: TimeAmount(limits.idleTimeout),
                httpDecoderConfiguration: HTTP1Channel.Configuration.DecoderConfiguration(
                    maxHeaderFieldSize: limits.headerBytes, maxHeaderListSize: limits.headerBytes,
                    maxHeaderFieldCount: 100)))
    }
}
