public import Problems

extension JSONNode {
    /// Nesting beyond this is refused, so that no document can exhaust the stack.
    public static let maximumDepth = 64

    /// What a text turned out to be.
    public enum Reading: Sendable {
        case complete(JSONNode)
        /// A prefix of a JSON text: it ended early, as a file does that is still being written. An empty text is one too.
        case incomplete(Problem)
        case malformed(Problems)
    }

    /// Reads one JSON text (RFC 8259) strictly, in linear time: no byte order mark, comments, trailing commas, duplicate names,
    /// NaN, lone surrogates, invalid UTF-8, or content after the value.
    public static func read(_ bytes: [UInt8]) -> Reading {
        var parser = JSONParser(bytes)
        do throws(JSONParser.Stop) {
            let node = try parser.document()
            return parser.duplicates.isEmpty ? .complete(node) : .malformed(parser.problems)
        } catch {
            switch error {
            case .endedEarly(let problem): return .incomplete(problem)
            case .malformed(let problem): return .malformed(Problems(parser.problems.all + [problem]))
            }
        }
    }

    /// As `read`, with an incomplete text as an error too. Every problem names `file`.
    public static func parse(_ bytes: [UInt8], file: String? = nil) throws(Problems) -> JSONNode {
        let problems: [Problem]
        switch read(bytes) {
        case .complete(let node): return node
        case .incomplete(let problem): problems = [problem]
        case .malformed(let found): problems = found.all
        }
        throw Problems(problems.map { file.map($0.inFile) ?? $0 })
    }
}

/// A recursive-descent parser over bytes. Depth is bounded by `JSONNode.maximumDepth`; every byte is looked at a bounded number of times.
struct JSONParser {
    enum Stop: Error {
        case endedEarly(Problem)
        case malformed(Problem)
    }

    /// Duplicate names, the one fault after which reading can go on.
    private(set) var duplicates: [Problem] = []
    private var uncounted = 0

    private let bytes: [UInt8]
    private var at = 0
    private var line = 1
    /// Offset of the current line's first byte.
    private var lineStart = 0
    /// UTF-8 continuation bytes seen on this line, which are no columns.
    private var continuations = 0
    /// Names and indices from the root to the value being read.
    private var path: [Step] = []

    private enum Step {
        case member(String)
        case element(Int)
    }

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(Stop) -> JSONNode {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw malformed("the text begins with a byte order mark", "Save it as UTF-8 without a byte order mark.")
        }
        let node = try value()
        skipWhitespace()
        if at < bytes.count {
            throw malformed("there is \(seen) after the end of the JSON value", "Remove what follows the value.")
        }
        return node
    }

    private mutating func value() throws(Stop) -> JSONNode {
        skipWhitespace()
        let place = here
        switch try peek() {
        case UInt8(ascii: "{"): return JSONNode(.object(try object()), place: place)
        case UInt8(ascii: "["): return JSONNode(.array(try array()), place: place)
        case UInt8(ascii: "\""): return JSONNode(.string(try string()), place: place)
        case UInt8(ascii: "t"): return JSONNode(.bool(true), place: try word("true", place))
        case UInt8(ascii: "f"): return JSONNode(.bool(false), place: try word("false", place))
        case UInt8(ascii: "n"): return JSONNode(.null, place: try word("null", place))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return JSONNode(try number(), place: place)
        case UInt8(ascii: "N"), UInt8(ascii: "I"), UInt8(ascii: "+"), UInt8(ascii: "."):
            throw noNumber
        case UInt8(ascii: "'"):
            throw malformed("a string begins with a single quote", "Put strings in double quotes.")
        case UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ","):
            throw malformed("a value is missing before \(seen)", "Remove the comma before it, or add the value.")
        default:
            throw malformed(
                "\(seen) does not begin a JSON value",
                "Write a string in double quotes, a number, true, false, null, [ or {.")
        }
    }

    // MARK: Objects and arrays

    private mutating func object() throws(Stop) -> [JSONNode.Member] {
        try enter()
        var members: [JSONNode.Member] = []
        var names: Set<String> = []
        skipWhitespace()
        if try peek() == UInt8(ascii: "}") {
            at += 1
            return members
        }
        while true {
            skipWhitespace()
            let place = here
            guard try peek() == UInt8(ascii: "\"") else {
                throw malformed(
                    "a member's name in double quotes is missing before \(seen)",
                    "Put names in double quotes; the last member has no comma after it.")
            }
            let name = try string()
            skipWhitespace()
            guard try peek() == UInt8(ascii: ":") else {
                throw malformed("a colon is missing after the name \"\(name.shortened())\"", "Write \"name\": value.")
            }
            at += 1
            path.append(.member(name))
            let node = try value()
            path.removeLast()
            if isNew(name, among: members, &names) {
                members.append(JSONNode.Member(name, node, place: place))
            } else {
                noteDuplicate(name, place)
            }
            skipWhitespace()
            switch try peek() {
            case UInt8(ascii: ","): at += 1
            case UInt8(ascii: "}"):
                at += 1
                return members
            default: throw malformed("a comma or } is missing before \(seen)", "Separate members by commas.")
            }
        }
    }

    private mutating func noteDuplicate(_ name: String, _ place: JSONNode.Place) {
        guard duplicates.count < Problems.limit else {
            uncounted += 1
            return
        }
        duplicates.append(
            Problem(
                .invalid, "the name \"\(name.shortened())\" occurs twice in one object", remedy: "Keep one of them.",
                path: pathText.member(name).text, line: place.line, column: place.column))
    }

    /// The duplicates, and how many more of them there are.
    var problems: Problems { Problems(uncounted > 0 ? duplicates + [.more(uncounted)] : duplicates) }

    /// Few names are compared one by one; many go through a set.
    private func isNew(_ name: String, among members: [JSONNode.Member], _ names: inout Set<String>) -> Bool {
        if members.count < 8 { return !members.contains { $0.name == name } }
        if names.isEmpty { names.formUnion(members.lazy.map(\.name)) }
        return names.insert(name).inserted
    }

    private mutating func array() throws(Stop) -> [JSONNode] {
        try enter()
        var elements: [JSONNode] = []
        skipWhitespace()
        if try peek() == UInt8(ascii: "]") {
            at += 1
            return elements
        }
        while true {
            path.append(.element(elements.count))
            elements.append(try value())
            path.removeLast()
            skipWhitespace()
            switch try peek() {
            case UInt8(ascii: ","): at += 1
            case UInt8(ascii: "]"):
                at += 1
                return elements
            default: throw malformed("a comma or ] is missing before \(seen)", "Separate elements by commas.")
            }
        }
    }

    private mutating func enter() throws(Stop) {
        guard path.count < JSONNode.maximumDepth else {
            throw malformed("the text nests deeper than \(JSONNode.maximumDepth) levels", "Flatten it.")
        }
        at += 1
    }

    // MARK: Words and numbers

    private mutating func word(_ word: StaticString, _ place: JSONNode.Place) throws(Stop) -> JSONNode.Place {
        let length = word.utf8CodeUnitCount
        let matches = bytes[at...].prefix(length).elementsEqual(word.description.utf8.prefix(bytes.count - at))
        guard matches else { throw malformed("\(seen) does not begin a JSON value", "Did you mean \(word)?") }
        guard at + length <= bytes.count else { throw endedEarly }
        at += length
        return place
    }

    private mutating func number() throws(Stop) -> JSONNode.Content {
        let start = at
        var isInteger = true
        if bytes[at] == UInt8(ascii: "-") { at += 1 }
        if try peek() == UInt8(ascii: "0") {
            at += 1
            if at < bytes.count, bytes[at].isDigit {
                throw malformed("a number begins with 0", "Remove the leading zeros.")
            }
        } else {
            try digits()
        }
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            isInteger = false
            at += 1
            try digits()
        }
        if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            at += 1
            if let sign = bytes[at...].first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { at += 1 }
            try digits()
        }
        if isInteger, at - start <= 18, bytes[start] != UInt8(ascii: "-") {  // 18 digits fit: no text is made
            return .integer(bytes[start..<at].reduce(0) { $0 * 10 + Int(clamping: $1 & 0x0F) })
        }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if isInteger, let integer = Int(text, radix: 10), text != "-0" { return .integer(integer) }
        if isInteger, text != "-0", let integer = UInt64(text, radix: 10) { return .unsigned(integer) }
        guard let number = Double(text), number.isFinite else {
            at = start
            throw malformed("the number \(text.prefix(40)) is too large", "Give a number below 1.8e308.")
        }
        return .number(number)
    }

    private mutating func digits() throws(Stop) {
        guard try peek().isDigit else {
            if bytes[at] == UInt8(ascii: "I") || bytes[at] == UInt8(ascii: "N") { throw noNumber }
            throw malformed("a digit is missing before \(seen)", "Complete the number.")
        }
        while at < bytes.count, bytes[at].isDigit { at += 1 }
    }

    // MARK: Strings

    private mutating func string() throws(Stop) -> String {
        at += 1
        let start = at
        skipPlain()
        if try peek() == UInt8(ascii: "\"") {  // no escape and all ASCII: one copy
            at += 1
            return String(decoding: bytes[start..<at - 1], as: UTF8.self)
        }
        var text = Array(bytes[start..<at])
        while true {
            let byte = try peek()
            switch byte {
            case UInt8(ascii: "\""):
                at += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                at += 1
                text.append(contentsOf: UTF8.encode(try escape()) ?? UTF8.encodedReplacementCharacter)
            case 0x00..<0x20:
                throw malformed(
                    "\(seen) stands in a string", "Close the string, or write control characters as \\n, \\t or \\u...."
                )
            default:
                let from = at
                if byte < 0x80 { skipPlain() } else { try multibyte() }
                text.append(contentsOf: bytes[from..<at])
            }
        }
    }

    private mutating func skipPlain() {
        while at < bytes.count {
            let byte = bytes[at]
            if byte < 0x20 || byte >= 0x80 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
            at += 1
        }
    }

    /// One well-formed sequence of 2 to 4 bytes (the Unicode Standard, table 3-7).
    private mutating func multibyte() throws(Stop) {
        let second: ClosedRange<UInt8>
        let length: Int
        switch bytes[at] {
        case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
        default: throw invalidUTF8
        }
        for index in 1..<length {
            guard at + index < bytes.count else { throw endedEarly }
            guard (index == 1 ? second : 0x80...0xBF).contains(bytes[at + index]) else { throw invalidUTF8 }
        }
        at += length
        continuations += length - 1
    }

    private mutating func escape() throws(Stop) -> Unicode.Scalar {
        let byte = try peek()
        at += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{08}"
        case UInt8(ascii: "f"): return "\u{0C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicodeEscape()
        default:
            at -= 1
            throw malformed("\(seen) cannot follow a backslash", "Write a backslash as \\\\.")
        }
    }

    private mutating func unicodeEscape() throws(Stop) -> Unicode.Scalar {
        let first = try hexDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xDC00 else { throw unpairedSurrogate }
        for expected in [UInt8(ascii: "\\"), UInt8(ascii: "u")] {
            guard try peek() == expected else { throw unpairedSurrogate }
            at += 1
        }
        let second = try hexDigits()
        guard (0xDC00...0xDFFF).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw unpairedSurrogate }
        return scalar
    }

    private mutating func hexDigits() throws(Stop) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            let byte = try peek()
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw malformed("\(seen) is no hexadecimal digit", "Write four of them after \\u.")
            }
            code = code << 4 | UInt32(clamping: digit)
            at += 1
        }
        return code
    }

    // MARK: Places and problems

    private mutating func skipWhitespace() {
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): at += 1
            case UInt8(ascii: "\n"):
                at += 1
                line += 1
                lineStart = at
                continuations = 0
            default: return
            }
        }
    }

    private func peek() throws(Stop) -> UInt8 {
        guard at < bytes.count else { throw endedEarly }
        return bytes[at]
    }

    private var here: JSONNode.Place {
        JSONNode.Place(line: line, column: at - lineStart - continuations + 1)
    }

    /// The byte at hand, for a message.
    private var seen: String {
        let byte = bytes[at]
        if byte > 0x20 && byte < 0x7F { return "'\(Unicode.Scalar(byte))'" }
        return byte == 0x20 ? "a space" : "the byte 0x\(String(byte, radix: 16))"
    }

    private var pathText: JSONPath {
        path.reduce(.root) { path, step in
            switch step {
            case .member(let name): path.member(name)
            case .element(let index): path.element(index)
            }
        }
    }

    private var endedEarly: Stop {
        let nothing = bytes.allSatisfy { $0 == 0x20 || ($0 >= 0x09 && $0 <= 0x0D) }
        return .endedEarly(
            problem(
                nothing ? "the file is empty" : "the text ends before its JSON value is complete",
                nothing ? "Write a JSON object into it." : "Complete it: a bracket, brace or quote is not closed."))
    }

    private var unpairedSurrogate: Stop {
        malformed("a string holds half of a surrogate pair", "Write both halves, or the character itself.")
    }

    private var noNumber: Stop {
        malformed("\(seen) does not begin a JSON number", "Write numbers in decimal; JSON has no NaN or Infinity.")
    }

    private var invalidUTF8: Stop { malformed("the text is not valid UTF-8 (\(seen))", "Save it as UTF-8.") }

    private func malformed(_ message: String, _ remedy: String) -> Stop { .malformed(problem(message, remedy)) }

    private func problem(_ message: String, _ remedy: String) -> Problem {
        Problem(
            .invalid, message, remedy: remedy, path: path.isEmpty ? nil : pathText.text, line: here.line,
            column: here.column)
    }
}
