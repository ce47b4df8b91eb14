extension JSONNode {
    /// The value as JSON text: indented by two spaces, members in their order, arrays of plain values on one line, and a newline
    /// at the end. Reading it back gives an equal node.
    public var text: String {
        var output = ""
        write(to: &output, indent: "")
        return output + "\n"
    }

    /// The value as JSON on one line, without a newline at the end.
    public var line: String {
        var output = ""
        write(to: &output, indent: nil)
        return output
    }

    private func write(to output: inout String, indent: String?) {
        switch content {
        case .null: output += "null"
        case .bool(let flag): output += flag ? "true" : "false"
        case .integer(let number): output += String(number)
        case .unsigned(let number): output += String(number)
        case .number(let number): output += number.isFinite ? "\(number)" : "null"  // JSON has no other word for it
        case .string(let text): Self.write(text, to: &output)
        case .array(let elements):
            let inner = elements.allSatisfy(\.isPlain) ? nil : indent.map { $0 + "  " }
            Self.write(elements, between: "[", and: "]", to: &output, indent: indent, inner: inner) { element, output in
                element.write(to: &output, indent: inner)
            }
        case .object(let members):
            let inner = indent.map { $0 + "  " }
            Self.write(members, between: "{", and: "}", to: &output, indent: indent, inner: inner) { member, output in
                Self.write(member.name, to: &output)
                output += ": "
                member.node.write(to: &output, indent: inner)
            }
        }
    }

    /// Items separated by commas: on lines of their own indented by `inner`, or on one line where that is nil.
    private static func write<Item>(
        _ items: [Item], between open: String, and close: String, to output: inout String, indent: String?,
        inner: String?, item: (Item, inout String) -> Void
    ) {
        output += open
        for (index, each) in items.enumerated() {
            if index > 0 { output += inner == nil ? ", " : "," }
            if let inner { output += "\n" + inner }
            item(each, &output)
        }
        if inner != nil, let indent, !items.isEmpty { output += "\n" + indent }
        output += close
    }

    private var isPlain: Bool {
        switch content {
        case .array, .object: false
        default: true
        }
    }

    private static func write(_ text: String, to output: inout String) {
        output += "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output += "\\\""
            case "\\": output += "\\\\"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7F: output += "\\u" + fourHexDigits(scalar.value)
            default: output.unicodeScalars.append(scalar)
            }
        }
        output += "\""
    }

    static func fourHexDigits(_ code: UInt32) -> String {
        let digits = String(code, radix: 16)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
}
