import Glibc
import Problems
import StrictJSON

/// A request of the control API.
struct HTTPRequest: Sendable {
    var method: String
    /// Path and query, percent-encoded.
    var target: String
    var body: [UInt8]
    var contentType: String?

    init(_ method: String, _ target: String) {
        self.method = method
        self.target = target
        body = []
        contentType = nil
    }

    init(_ method: String, _ target: String, json: [UInt8]) {
        self.method = method
        self.target = target
        body = json
        contentType = "application/json"
    }

    var bytes: [UInt8] {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        if let contentType { head += "Content-Type: \(contentType)\r\n" }
        if method != "GET" { head += "Content-Length: \(body.count)\r\n" }
        return [UInt8]((head + "\r\n").utf8) + body
    }
}

extension ControlClient {
    /// Largest answer that is taken whole; 100,000 jobs need about 50 MiB.
    private static let maximumBody = 256 << 20

    /// Sends `request` and returns the body of a successful answer; throws the problems of any other.
    func exchange(_ request: HTTPRequest) throws(Problems) -> [UInt8] {
        var body: [UInt8] = []
        try stream(request, timeout: timeout) { (bytes) throws(Problems) in
            body += bytes
            guard body.count <= Self.maximumBody else {
                throw Problems([
                    Problem(
                        .unsupported, "the answer is larger than \(Self.maximumBody) bytes",
                        remedy: "Ask for less, with --limit.")
                ])
            }
            return true
        }
        return body
    }

    /// Sends `request` and hands the body of a successful answer on as it comes, until `receive` returns false. A daemon that has no
    /// place for a connection is asked again, for as long as `timeout` of the client says.
    func stream(
        _ request: HTTPRequest, timeout: Duration?, _ receive: ([UInt8]) throws(Problems) -> Bool
    ) throws(Problems) {
        let deadline = ContinuousClock.now + self.timeout
        while true {
            guard let busy = try attempt(request, timeout: timeout, receive) else { return }
            guard ContinuousClock.now < deadline else { throw busy }
            // Those who are refused together do not come back together.
            usleep(UInt32.random(in: 50_000...250_000))
        }
    }

    /// Returns the problems of a daemon that had no place.
    private func attempt(
        _ request: HTTPRequest, timeout: Duration?, _ receive: ([UInt8]) throws(Problems) -> Bool
    ) throws(Problems) -> Problems? {
        do {
            let connection = try UnixConnection(path: socket, timeout: self.timeout)
            try connection.write(request.bytes)
            var parser = ResponseParser()
            var status = 0
            var isBusy = false
            var refusal: [UInt8] = []
            while true {
                let bytes = try connection.read(timeout: timeout)
                for event in bytes.isEmpty ? try parser.finish() : try parser.feed(bytes) {
                    switch event {
                    case .head(let head):
                        status = head.status
                        isBusy = status == 503 && head.fields["retry-after"] != nil
                    case .body(let body) where (200..<300).contains(status):
                        guard try receive(body) else { return nil }
                    case .body(let body):
                        guard refusal.count + body.count <= 4 << 20 else { throw Self.refused(status, []) }
                        refusal += body
                    case .end where isBusy: return Self.refused(status, refusal)
                    case .end:
                        guard (200..<300).contains(status) else { throw Self.refused(status, refusal) }
                        return nil
                    }
                }
            }
        } catch let problem as Problem {
            throw Problems([problem])
        } catch let problems as Problems {
            throw problems
        } catch {
            throw Problems([
                Problem(.internal, "a request failed in an unforeseen way", cause: String(describing: error))
            ])
        }
    }

    private static func refused(_ status: Int, _ body: [UInt8]) -> Problems {
        // Anything but a problem document is not from diffd's routes; then the status is all that there is to tell.
        if let document = try? JSONText.decode(ProblemDocument.self, from: body), !document.problems.isEmpty {
            return Problems(document.problems)
        }
        return Problems([
            Problem(status < 500 ? .invalid : .unavailable, "the daemon refused the request with HTTP status \(status)")
        ])
    }
}
