/// A JSON value together with where it stood in its text.
///
/// Nodes are equal when their contents are; places are ignored. Nodes made in code, through literals, have no place.
public struct JSONNode: Sendable {
    public enum Content: Sendable {
        case null
        case bool(Bool)
        /// A number written without fraction or exponent that fits an `Int`.
        case integer(Int)
        /// One that is larger and fits a `UInt64`.
        case unsigned(UInt64)
        /// Every other number; always finite.
        case number(Double)
        case string(String)
        case array([JSONNode])
        /// Members in the order of the text; names are unique.
        case object([Member])
    }

    public struct Member: Sendable {
        public var name: String
        /// Where the name stands.
        public var place: Place?
        public var node: JSONNode

        public init(_ name: String, _ node: JSONNode, place: Place? = nil) {
            self.name = name
            self.node = node
            self.place = place
        }
    }

    /// A position in a text: 1-based line, and 1-based column counted in Unicode scalars.
    public struct Place: Sendable, Hashable {
        private let storedLine: Int32
        private let storedColumn: Int32
        public var line: Int { Int(clamping: storedLine) }
        public var column: Int { Int(clamping: storedColumn) }

        /// Beyond 2^31 - 1 a line or column is given as that.
        public init(line: Int, column: Int) {
            storedLine = Int32(clamping: line)
            storedColumn = Int32(clamping: column)
        }
    }

    public static let null = JSONNode(.null)

    public var content: Content
    public var place: Place?

    public init(_ content: Content, place: Place? = nil) {
        self.content = content
        self.place = place
    }

    /// The member called `name`, or nil when there is none or this is no object. Linear in the number of members.
    public subscript(_ name: String) -> JSONNode? {
        members?.first { $0.name == name }?.node
    }

    public var members: [Member]? { if case .object(let members) = content { members } else { nil } }
    public var elements: [JSONNode]? { if case .array(let elements) = content { elements } else { nil } }
    public var string: String? { if case .string(let text) = content { text } else { nil } }
    public var bool: Bool? { if case .bool(let flag) = content { flag } else { nil } }
    public var isNull: Bool { if case .null = content { true } else { false } }

    /// The number as an integer: also `1e3` and `2.0`, which JSON Schema counts as integers; nil when it is not whole.
    public var integer: Int? {
        switch content {
        case .integer(let number): number
        case .unsigned: nil
        case .number(let number) where abs(number) <= 0x1p53: Int(exactly: number)
        default: nil
        }
    }

    /// The same as an integer that is not negative and may be larger.
    public var unsignedInteger: UInt64? {
        if case .unsigned(let number) = content { return number }
        return integer.flatMap { UInt64(exactly: $0) }
    }

    /// Whether it is a number without a fraction, of any size.
    var isWhole: Bool {
        switch content {
        case .integer, .unsigned: true
        case .number(let number): number == number.rounded()
        default: false
        }
    }

    /// Any number as a `Double`, rounded to nearest.
    public var number: Double? {
        switch content {
        case .integer(let number): Double(number)
        case .unsigned(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }

    /// What kind of value this is, for messages: "an object", "the number 3".
    public var kindDescription: String {
        switch content {
        case .null: "null"
        case .bool(let flag): "\(flag)"
        case .integer(let number): "the number \(number)"
        case .unsigned(let number): "the number \(number)"
        case .number(let number): "the number \(number)"
        case .string(let text): "the string \"\(text.count > 60 ? text.prefix(57) + "..." : text)\""
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSONNode {
    /// A whole number of any size that an unsigned integer of 64 bits has.
    public static func unsigned(_ number: UInt64) -> JSONNode {
        JSONNode(Int(exactly: number).map(Content.integer) ?? .unsigned(number))
    }
}

extension JSONNode: Equatable {
    public static func == (a: JSONNode, b: JSONNode) -> Bool {
        switch (a.content, b.content) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.unsigned(let a), .unsigned(let b)): a == b
        case (.number(let a), .number(let b)): a == b
        case (.string(let a), .string(let b)): a == b
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)):
            a.count == b.count && zip(a, b).allSatisfy { $0.name == $1.name && $0.node == $1.node }
        default: false
        }
    }
}

extension JSONNode: Hashable {
    public func hash(into hasher: inout Hasher) { hasher.combine(line) }
}

extension JSONNode: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(booleanLiteral value: Bool) { self.init(.bool(value)) }
    public init(integerLiteral value: Int) { self.init(.integer(value)) }
    public init(floatLiteral value: Double) { self.init(.number(value)) }
    public init(stringLiteral value: String) { self.init(.string(value)) }
    public init(arrayLiteral elements: JSONNode...) { self.init(.array(elements)) }
    public init(dictionaryLiteral elements: (String, JSONNode)...) {
        self.init(.object(elements.map { Member($0, $1) }))
    }
}
