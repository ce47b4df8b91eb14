import ControlAPI
import Problems
import Testing

@Suite struct ResponseParserTests {
    private func parse(_ text: String, pieces size: Int, closes: Bool = false) throws -> (
        head: ResponseHead?, body: String, ended: Bool
    ) {
        var parser = ResponseParser()
        var events: [ResponseParser.Event] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: size) {
            events += try parser.feed(Array(bytes[start..<min(bytes.count, start + size)]))
        }
        if closes { events += try parser.finish() }
        var head: ResponseHead?
        var body: [UInt8] = []
        var ended = false
        for event in events {
            switch event {
            case .head(let found): head = found
            case .body(let part): body += part
            case .end: ended = true
            }
        }
        return (head, String(decoding: body, as: UTF8.self), ended)
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func readsSizedBodies(pieces: Int) throws {
        let result = try parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\n\r\nhello", pieces: pieces)
        #expect(result.head == ResponseHead(status: 200, fields: ["content-length": "5", "x-a": "b"]))
        #expect(result.body == "hello")
        #expect(result.ended)
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func readsChunkedBodies(pieces: Int) throws {
        let text =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n, world!!!\r\n0\r\nTrailer: t\r\n\r\n"
        let result = try parse(text, pieces: pieces)
        #expect(result.body == "hello, world!!!")
        #expect(result.ended)
    }

    @Test func readsToTheEndOfTheConnection() throws {
        let result = try parse("HTTP/1.0 500 \nA: b\n\nrest", pieces: 4, closes: true)
        #expect(result.head?.status == 500)
        #expect(result.body == "rest")
        #expect(result.ended)
    }

    @Test func passesOverInterimAnswersAndStopsAtEmptyBodies() throws {
        let result = try parse("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", pieces: 5)
        #expect(result.head?.status == 204)
        #expect(result.body.isEmpty)
        #expect(result.ended)
    }

    @Test(arguments: [
        "", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    ])
    func tellsThatAnAnswerIsCutOff(text: String) throws {
        let problem = #expect(throws: Problem.self) { try parse(text, pieces: 1000, closes: true) }
        #expect(problem?.code == .unavailable)
    }

    @Test(arguments: [
        "SSH-2.0-OpenSSH_9\r\n", "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 +20 OK\r\n", "HTTP/1.1 200 OK\r\n: b\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", String(repeating: "x", count: 17 * 1024),
        "HTTP/1.1 200 OK\r\n" + (0...100).map { "f\($0): v\r\n" }.joined(),
    ])
    func refusesWhatIsNotHTTP(text: String) {
        let problem = #expect(throws: Problem.self) { try parse(text, pieces: 64) }
        #expect(problem?.code == .corrupt)
    }

    /// Damaged answers end in a result or a problem; a sized body is never longer than its size.
    @Test func survivesDamagedAnswers() {
        var random = SplitMix(state: 1)
        let valid = [
            "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nhello, world",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n, world\r\n0\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Type: application/problem+json\r\n\r\n{}",
        ]
        var understood = 0
        for round in 0..<20_000 {
            var bytes = Array(valid[round % valid.count].utf8)
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
                }
            }
            var parser = ResponseParser()
            var body = 0
            do {
                var rest = bytes[...]
                var events: [ResponseParser.Event] = []
                while !rest.isEmpty {
                    let piece = rest.prefix(Int.random(in: 1...20, using: &random))
                    events += try parser.feed(Array(piece))
                    rest = rest.dropFirst(piece.count)
                }
                events += try parser.finish()
                for case .body(let part) in events { body += part.count }
                understood += 1
            } catch {
                #expect(error.code == .corrupt || error.code == .unavailable)
            }
            #expect(body <= bytes.count)
        }
        #expect(understood > 1000)
    }
}

/// Steele, Lea and Flood's generator (2014): the same damage in every run.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
