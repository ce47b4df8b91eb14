import ControlAPI
import HTTPTypes
import Logging
import NIOCore
import NIOHTTPTypes
import Problems
import StrictJSON

/// Watches over one connection: gives it its place, refuses it where there is none, ends it when its client takes nothing any more, and
/// keeps an event stream from being silent.
final class ConnectionHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias InboundOut = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let table: ConnectionTable
    private let limits: ControlLimits
    private let logger: Logger
    private var isRefused = false
    /// Parts on their way to the client, and when the last one had got there.
    private var pending = 0
    private var lastWritten = NIODeadline.now()
    private var stallTimer: Scheduled<Void>?
    private var heartbeat: RepeatedTask?

    init(_ table: ConnectionTable, _ limits: ControlLimits, _ logger: Logger) {
        self.table = table
        self.limits = limits
        self.logger = logger
    }

    // MARK: - Coming and going

    func channelActive(context: ChannelHandlerContext) {
        do {
            guard let user = PeerCredentials.user(of: context.channel) else {
                throw Problem(.internal, "cannot find out who is calling")
            }
            try table.admit(context.channel, user: user)?.close(promise: nil)
            context.fireChannelActive()
        } catch {
            refuse(Problems([error as? Problem ?? Problem(.internal, error.systemReason)]), context)
        }
    }

    /// Answers before anything is asked, and closes.
    private func refuse(_ problems: Problems, _ context: ChannelHandlerContext) {
        isRefused = true
        logger.debug("a connection is refused: \(problems)")
        // A document of strings; without it the status says enough.
        let body = (try? JSONText.encode(ProblemDocument(problems))) ?? []
        let head = HTTPResponse(
            status: .serviceUnavailable,
            headerFields: [
                .contentType: ProblemDocument.mediaType, .contentLength: String(body.count), .connection: "close",
                .retryAfter: "1",
            ])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(ByteBuffer(bytes: body))), promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in bound.value.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        leave(context)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave(context) }

    private func leave(_ context: ChannelHandlerContext) {
        table.remove(context.channel)
        stallTimer?.cancel()
        stallTimer = nil
        endHeartbeat()
    }

    // MARK: - Requests and answers

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefused else { return }
        if case .head = unwrapInboundIn(data) { table.begin(context.channel) }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        switch unwrapOutboundIn(data) {
        case .head(let head) where head.headerFields[.contentType] == EventStream.mediaType: beginHeartbeat(context)
        case .end:
            endHeartbeat()
            table.end(context.channel)
        case .head, .body: break
        }
        send(data, promise, context)
    }

    private func send(_ data: NIOAny, _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext) {
        let promise = promise ?? context.eventLoop.makePromise(of: Void.self)
        if pending == 0 { lastWritten = .now() }
        pending += 1
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        promise.futureResult.whenComplete { _ in
            bound.value.pending -= 1
            bound.value.lastWritten = .now()
        }
        context.write(data, promise: promise)
        if stallTimer == nil { watchForStall(in: limits.writeTimeout, context) }
    }

    // MARK: - Clients that do not read

    private func watchForStall(in time: Duration, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        stallTimer = context.eventLoop.scheduleTask(in: TimeAmount(time)) {
            let (handler, context) = bound.value
            handler.stallTimer = nil
            guard handler.pending > 0 else { return }
            let silence = Duration.nanoseconds((NIODeadline.now() - handler.lastWritten).nanoseconds)
            if silence >= handler.limits.writeTimeout {
                handler.logger.debug("a client has taken nothing for \(handler.limits.writeTimeout): it is left")
                context.close(promise: nil)
            } else {
                handler.watchForStall(in: handler.limits.writeTimeout - silence, context)
            }
        }
    }

    // MARK: - Signs of life

    private func beginHeartbeat(_ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let interval = TimeAmount(limits.heartbeat)
        heartbeat = context.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            let (handler, context) = bound.value
            // A client that does not read what there is needs no more of it.
            guard handler.pending == 0, context.channel.isActive else { return }
            handler.send(
                handler.wrapOutboundOut(.body(ByteBuffer(string: EventStream.heartbeat))), nil, context)
            context.flush()
        }
    }

    private func endHeartbeat() {
        heartbeat?.cancel()
        heartbeat = nil
    }
}
