package import Problems

/// Status line and header fields of an answer.
package struct ResponseHead: Sendable, Hashable {
    package var status: Int
    /// Names in lower case; of repeated fields the last.
    package var fields: [String: String]

    package init(status: Int, fields: [String: String]) {
        self.status = status
        self.fields = fields
    }
}

/// Reads one HTTP/1.1 answer (RFC 9112) from bytes as they come: a pure state machine, fed and asked.
///
/// Bodies by `Content-Length`, chunked, or to the end of the connection. Interim answers (1xx) are passed over.
package struct ResponseParser {
    package enum Event: Sendable, Hashable {
        case head(ResponseHead)
        /// Never empty.
        case body([UInt8])
        case end
    }

    private enum State {
        case statusLine
        case fields(ResponseHead)
        case sized(remaining: Int)
        case untilClose
        case chunkSize
        case chunk(remaining: Int)
        case chunkEnd
        case trailers
        case done
    }

    /// Longest line, and most header fields, that are taken from a server.
    package static let maximumLine = 16 * 1024
    package static let maximumFields = 100

    private var state = State.statusLine
    private var input: [UInt8] = []
    private var position = 0

    package init() {}

    /// Takes more bytes and returns what they complete. Throws code `corrupt` on bytes that are not HTTP; the parser is of no
    /// further use then.
    package mutating func feed(_ bytes: [UInt8]) throws(Problem) -> [Event] {
        input.append(contentsOf: bytes)
        var events: [Event] = []
        while try step(&events) {}
        input.removeSubrange(..<position)
        position = 0
        return events
    }

    /// Tells that the connection has ended. Throws code `unavailable` if the answer had not.
    package mutating func finish() throws(Problem) -> [Event] {
        switch state {
        case .done: return []
        case .untilClose:
            state = .done
            return [.end]
        default:
            throw Problem(
                .unavailable, "the daemon closed the connection before its answer was complete",
                remedy: "See whether diffd is still running, then try again.")
        }
    }

    /// Makes one transition; false when the next one needs more bytes.
    private mutating func step(_ events: inout [Event]) throws(Problem) -> Bool {
        switch state {
        case .statusLine:
            guard let line = try takeLine() else { return false }
            state = .fields(ResponseHead(status: try Self.status(in: line), fields: [:]))
        case .fields(var head):
            guard let line = try takeLine() else { return false }
            if line.isEmpty {
                guard head.status >= 200 else {
                    state = .statusLine
                    return true
                }
                events.append(.head(head))
                try beginBody(head, &events)
            } else {
                let (name, value) = try Self.field(in: line)
                head.fields[name] = value
                guard head.fields.count <= Self.maximumFields else { throw Self.malformed("too many header fields") }
                state = .fields(head)
            }
        case .sized(let remaining):
            guard let body = take(upTo: remaining) else { return false }
            events.append(.body(body))
            if body.count == remaining { end(&events) } else { state = .sized(remaining: remaining - body.count) }
        case .untilClose:
            guard let body = take(upTo: .max) else { return false }
            events.append(.body(body))
        case .chunkSize:
            guard let line = try takeLine() else { return false }
            let size = try Self.chunkSize(in: line)
            state = size == 0 ? .trailers : .chunk(remaining: size)
        case .chunk(let remaining):
            guard let body = take(upTo: remaining) else { return false }
            events.append(.body(body))
            state = body.count == remaining ? .chunkEnd : .chunk(remaining: remaining - body.count)
        case .chunkEnd:
            guard let line = try takeLine() else { return false }
            guard line.isEmpty else { throw Self.malformed("a chunk is longer than it says") }
            state = .chunkSize
        case .trailers:
            guard let line = try takeLine() else { return false }
            if line.isEmpty { end(&events) }
        case .done:
            return false
        }
        return true
    }

    private mutating func beginBody(_ head: ResponseHead, _ events: inout [Event]) throws(Problem) {
        if head.status == 204 || head.status == 304 {
            end(&events)
        } else if let coding = head.fields["transfer-encoding"] {
            guard coding.lowercased() == "chunked" else { throw Self.malformed("unknown transfer coding '\(coding)'") }
            state = .chunkSize
        } else if let text = head.fields["content-length"] {
            guard let length = Int(text, radix: 10), length >= 0 else {
                throw Self.malformed("Content-Length is '\(text)'")
            }
            if length == 0 { end(&events) } else { state = .sized(remaining: length) }
        } else {
            state = .untilClose
        }
    }

    private mutating func end(_ events: inout [Event]) {
        events.append(.end)
        state = .done
    }

    /// The next line without its end (CRLF, or LF alone as RFC 9112 section 2.2 allows); nil while it is incomplete.
    private mutating func takeLine() throws(Problem) -> String? {
        guard let end = input[position...].firstIndex(of: 0x0A) else {
            guard input.count - position <= Self.maximumLine else { throw Self.malformed("a line is too long") }
            return nil
        }
        guard end - position <= Self.maximumLine else { throw Self.malformed("a line is too long") }
        var line = input[position..<end]
        if line.last == 0x0D { line.removeLast() }
        position = end + 1
        return String(decoding: line, as: UTF8.self)
    }

    /// All that has come, at most `limit` bytes; nil for none.
    private mutating func take(upTo limit: Int) -> [UInt8]? {
        let count = min(limit, input.count - position)
        guard count > 0 else { return nil }
        defer { position += count }
        return Array(input[position..<position + count])
    }

    private static func status(in line: String) throws(Problem) -> Int {
        let parts = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, parts[0] == "HTTP/1.1" || parts[0] == "HTTP/1.0", parts[1].utf8.count == 3,
            let status = Int(parts[1], radix: 10), (100...599).contains(status)
        else { throw malformed("the status line is '\(line.prefix(80))'") }
        return status
    }

    private static func field(in line: String) throws(Problem) -> (name: String, value: String) {
        guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else {
            throw malformed("a header field is '\(line.prefix(80))'")
        }
        let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        let trimmed = value.reversed().drop { $0 == " " || $0 == "\t" }.reversed()
        return (line[..<colon].lowercased(), String(trimmed))
    }

    private static func chunkSize(in line: String) throws(Problem) -> Int {
        let digits = line.prefix { $0 != ";" && $0 != " " }
        guard !digits.isEmpty, digits.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "f") ~= $0 }),
            let size = Int(digits, radix: 16)
        else { throw malformed("a chunk size is '\(line.prefix(20))'") }
        return size
    }

    private static func malformed(_ what: String) -> Problem {
        Problem(
            .corrupt, "the answer is not HTTP: \(what)",
            remedy: "See whether the socket is that of diffd (--socket PATH).")
    }
}
