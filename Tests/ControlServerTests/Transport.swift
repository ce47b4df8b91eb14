import ControlAPI
import ControlServer
import ControlTestSupport
import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOEmbedded
import Problems
import TestSupport

struct Answer: Sendable {
    var status: Int
    var fields: [String: String]
    var body: [UInt8]
}

/// One request at a time to the API, by either way.
struct Connection: Sendable {
    var send:
        @Sendable (_ method: String, _ target: String, _ fields: [String: String], _ body: String?) async throws ->
            Answer
}

/// The same assertions hold in memory, where a request goes to the router, and over a real socket.
enum Transport: String, CaseIterable, Sendable {
    case memory, socket

    func run(
        _ service: FakeJobService, limits: ControlLimits = ControlLimits(), as caller: Caller = Transport.root,
        _ body: @escaping @Sendable (Connection) async throws -> Void
    ) async throws {
        let permissions = Permissions(daemonUser: getuid(), group: nil)
        switch self {
        case .memory:
            let routes = ControlRoutes(service: service, permissions: permissions, limits: limits) { _ in caller }
            let responder = routes.router().buildResponder()
            try await body(
                Connection { method, target, fields, text in
                    var headers = HTTPFields()
                    for (name, value) in fields { headers[HTTPField.Name(name)!] = value }
                    if let text { headers[.contentLength] = String(text.utf8.count) }
                    let head = HTTPRequest(
                        method: HTTPRequest.Method(method)!, scheme: "http", authority: "localhost", path: target,
                        headerFields: headers)
                    let context = ControlContext(
                        source: ApplicationRequestContextSource(
                            channel: NIOAsyncTestingChannel(),
                            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
                    )
                    let request = Request(head: head, body: RequestBody(buffer: ByteBuffer(string: text ?? "")))
                    let response = try await responder.respond(to: request, context: context)
                    let writer = Collector()
                    try await response.body.write(writer)
                    let found = response.headers.map { ($0.name.canonicalName, $0.value) }
                    return Answer(
                        status: Int(response.status.code), fields: Dictionary(found) { $1 },
                        body: Array(writer.bytes.readableBytesView))
                })
        case .socket:
            try await withControlServer(service, limits: limits, permissions: permissions) { client in
                try await body(
                    Connection { method, target, fields, text in
                        let head =
                            (["\(method) \(target) HTTP/1.1", "Host: x", "Connection: close"]
                            + fields.map { "\($0): \($1)" } + (text.map { ["Content-Length: \($0.utf8.count)"] } ?? []))
                            .joined(separator: "\r\n")
                        return try await exchange(Array("\(head)\r\n\r\n\(text ?? "")".utf8), client.socket)
                    })
            }
        }
    }

    /// Over a socket the caller is whoever runs the test.
    static let root = Caller(uid: getuid(), gid: getgid(), pid: 1, user: NSUserName(), groups: [])
}

/// Sends bytes and reads one answer.
func exchange(_ bytes: [UInt8], _ socket: String) async throws -> Answer {
    try await blocking {
        let connection = try UnixConnection(path: socket, timeout: patience)
        try connection.write(bytes)
        var parser = ResponseParser()
        var answer = Answer(status: 0, fields: [:], body: [])
        while true {
            let bytes = try connection.read(timeout: patience)
            for event in bytes.isEmpty ? try parser.finish() : try parser.feed(bytes) {
                switch event {
                case .head(let head): (answer.status, answer.fields) = (head.status, head.fields)
                case .body(let part): answer.body += part
                case .end: return answer
                }
            }
        }
    }
}

private final class Collector: ResponseBodyWriter, @unchecked Sendable {
    var bytes = ByteBuffer()

    func write(_ buffer: ByteBuffer) async throws { bytes.writeImmutableBuffer(buffer) }
    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}
