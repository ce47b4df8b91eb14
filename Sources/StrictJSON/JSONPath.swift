import Problems

/// Where in a JSON document: `$.training.steps`, `$.sizes[3]`, `$['odd name']` (the notation of RFC 9535).
public struct JSONPath: Sendable, Hashable, CustomStringConvertible {
    public let description: String
    /// The last name or index: `steps`, `sizes[3]`; in words at the root.
    public let name: String

    public static let root = JSONPath(description: "$", name: "the document")

    private init(description: String, name: String) {
        self.description = description
        self.name = name
    }

    /// For messages: a path that is longer than anybody reads is cut off.
    public var text: String { description.shortened(to: 300) }

    public func member(_ name: String) -> JSONPath {
        JSONPath(description: description + Self.step(name), name: name)
    }

    public func element(_ index: Int) -> JSONPath {
        JSONPath(description: "\(description)[\(index)]", name: "\(name)[\(index)]")
    }

    private static func step(_ name: String) -> String {
        let plain = !name.isEmpty && name.utf8.allSatisfy { $0.isNameByte } && !name.utf8.first!.isDigit
        if plain { return ".\(name)" }
        let quoted = name.unicodeScalars.map { scalar in
            switch scalar {
            case "'": "\\'"
            case "\\": "\\\\"
            case _ where scalar.value < 0x20: "\\u" + JSONNode.fourHexDigits(scalar.value)
            default: String(scalar)
            }
        }
        return "['\(quoted.joined())']"
    }
}

extension UInt8 {
    var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
    fileprivate var isNameByte: Bool {
        isDigit || self == UInt8(ascii: "_") || (self | 0x20 >= UInt8(ascii: "a") && self | 0x20 <= UInt8(ascii: "z"))
    }
}
