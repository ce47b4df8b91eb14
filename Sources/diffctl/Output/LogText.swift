import Problems

/// A log that comes in pieces, as text for a terminal: what other programs and files have put into it moves no cursor.
package struct LogText {
    /// The beginning of a character whose end has yet to come.
    private var rest: [UInt8] = []

    package init() {}

    package mutating func add(_ bytes: [UInt8]) -> String {
        let all = rest + bytes
        let end = all.count - Self.unfinished(all)
        rest = Array(all[end...])
        return Self.text(all[..<end])
    }

    /// What is left when nothing comes any more.
    package mutating func end() -> String {
        defer { rest = [] }
        return Self.text(rest[...])
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes, as: UTF8.self).printableLines
    }

    /// How many bytes at the end begin a character that is not complete.
    private static func unfinished(_ bytes: [UInt8]) -> Int {
        for count in 1..<4 where count <= bytes.count {
            let byte = bytes[bytes.count - count]
            // A byte of 10xxxxxx goes on; the first one tells how many there are.
            if byte & 0xC0 == 0x80 { continue }
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return length > count ? count : 0
        }
        return 0
    }
}
