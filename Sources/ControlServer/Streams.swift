import ControlAPI
import HTTPTypes
import Hummingbird
import JobSpec
import NIOCore
import Problems
import ServiceLifecycle
import StrictJSON

/// Answers that go on for as long as the client listens. They end when it hangs up and when the server shuts down.
extension ControlRoutes {
    /// `GET /v1/events`: server-sent events, `state` and `progress`, with a `JobEvent` each; the first, `began`, says that no
    /// later event will be missed. A client that comes back with `Last-Event-ID` gets the changes of state since; `missed` tells it that
    /// they are not known any more.
    func streamEvents(_ request: Request, _ context: ControlContext) async throws -> Response {
        try connections.beginStream(context.channel)
        // What is no number is none of ours.
        let events = await service.events(after: request.headers[Self.lastEventID].map { Int($0, radix: 10) ?? -1 })
        let body = ResponseBody { writer in
            try await request.body.consumeWithCancellationOnInboundClose { _ in
                try await writer.write(Self.sign(EventStream.began))
                if !events.isComplete { try await writer.write(Self.sign(EventStream.missed)) }
                do {
                    for try await event in events.stream.cancelOnGracefulShutdown() {
                        try await writer.write(Self.message(event))
                    }
                } catch is JobEvents.Lost {
                    try await writer.write(Self.sign(EventStream.missed))
                }
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok, headers: [.contentType: EventStream.mediaType, .cacheControl: "no-store"], body: body)
    }

    private static func sign(_ name: String) -> ByteBuffer { ByteBuffer(string: "event: \(name)\ndata:\n\n") }

    private static let lastEventID = HTTPField.Name("Last-Event-ID")!

    private static func message(_ event: JobEvent) throws(Problem) -> ByteBuffer {
        let data = String(decoding: try JSONText.encode(event, .line), as: UTF8.self)
        return ByteBuffer(string: "event: \(event.kind.rawValue)\nid: \(event.sequence)\ndata: \(data)\n")
    }

    /// `GET /v1/jobs/{job}/log?offset=BYTES&follow=true`: the log as it is, or, followed, until the job has ended.
    func readLog(_ request: Request, _ context: ControlContext) async throws -> Response {
        let id = try await job(context).id
        let offset = try natural("offset", in: request) ?? 0
        let follow = try flag("follow", in: request)
        if follow { try connections.beginStream(context.channel) }
        // The first piece is read here, so that a log that cannot be read is an error answer and not a broken one.
        let first = try await service.log(of: id, from: offset, limit: Self.logPiece)
        let body = ResponseBody { writer in
            if follow {
                try await request.body.consumeWithCancellationOnInboundClose { _ in
                    try await copyLog(of: id, first, follow: true, to: &writer)
                }
            } else {
                try await copyLog(of: id, first, follow: false, to: &writer)
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: "text/plain; charset=utf-8"], body: body)
    }

    private static let logPiece = 64 << 10

    private func copyLog(
        of id: Int, _ first: LogChunk, follow: Bool, to writer: inout any ResponseBodyWriter
    ) async throws {
        var chunk = first
        while true {
            if !chunk.bytes.isEmpty { try await writer.write(ByteBuffer(bytes: chunk.bytes)) }
            if chunk.isLast || chunk.bytes.isEmpty && !follow || Task.isShuttingDownGracefully { return }
            if chunk.bytes.isEmpty { try await Task.sleep(for: limits.logInterval) }
            chunk = try await service.log(of: id, from: chunk.nextOffset, limit: Self.logPiece)
        }
    }

    private func flag(_ name: Substring, in request: Request) throws(Problem) -> Bool {
        switch request.uri.queryParameters[name] {
        case nil, "false": return false
        case "true": return true
        case let text?:
            throw Problem(.invalid, "\(name) is '\(text.prefix(40))'", remedy: "Give true or false.")
        }
    }
}
