import ControlAPI
import Testing

@Suite struct EventStreamParserTests {
    private static let stream =
        "event: began\ndata:\n\n: heartbeat\n\nevent: state\r\nid: 7\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\nevent: lost\n\n"

    @Test(arguments: [1, 2, 5, 1000])
    func readsMessages(pieces: Int) {
        var parser = EventStreamParser()
        let bytes = Array(Self.stream.utf8)
        var messages: [EventStreamParser.Message] = []
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            messages += parser.feed(Array(bytes[start..<min(bytes.count, start + pieces)]))
        }
        #expect(messages == [.init(event: "began", data: ""), .init(event: "state", data: "{\"a\":\n1}")])
    }
}
