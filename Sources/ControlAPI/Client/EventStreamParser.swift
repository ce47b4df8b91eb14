/// Reads server-sent events (WHATWG HTML, section 9.2.6) from bytes as they come.
package struct EventStreamParser {
    package struct Message: Sendable, Hashable {
        /// The `event` field; empty when the stream names none.
        package var event: String
        /// The `data` fields, joined by line feeds.
        package var data: String

        package init(event: String, data: String) {
            self.event = event
            self.data = data
        }
    }

    private var line: [UInt8] = []
    private var endedInCarriageReturn = false
    private var event = ""
    private var data: [String] = []

    package init() {}

    /// Takes more bytes and returns the messages that they complete. Comments, the heartbeat among them, give none.
    package mutating func feed(_ bytes: [UInt8]) -> [Message] {
        var messages: [Message] = []
        for byte in bytes {
            switch byte {
            case 0x0A where endedInCarriageReturn: break
            case 0x0A, 0x0D: endLine(&messages)
            default: line.append(byte)
            }
            endedInCarriageReturn = byte == 0x0D
        }
        return messages
    }

    private mutating func endLine(_ messages: inout [Message]) {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else {
            if !data.isEmpty { messages.append(Message(event: event, data: data.joined(separator: "\n"))) }
            event = ""
            data = []
            return
        }
        let text = String(decoding: line, as: UTF8.self)
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        var value = parts.count == 2 ? parts[1] : ""
        if value.first == " " { value.removeFirst() }
        switch parts[0] {
        case "event": event = String(value)
        case "data": data.append(String(value))
        default: break  // A comment (empty name), or a field that this reader has no use for.
        }
    }
}
