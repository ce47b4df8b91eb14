extension String {
    /// The text as one line that a terminal shows as it is: what would move the cursor, begin another line or turn the
    /// direction of reading stands there as an escape of JSON's (`\n`, `\u001b`). For names, prompts and other programs'
    /// messages on their way into a log or onto a screen.
    public var printable: String { escaped { $0.isUnprintable } }

    /// The same for a text of several lines, which stay apart.
    public var printableLines: String { escaped { $0.isUnprintable && $0 != "\n" } }

    private func escaped(_ isEscaped: (Unicode.Scalar) -> Bool) -> String {
        guard unicodeScalars.contains(where: isEscaped) else { return self }
        return unicodeScalars.reduce(into: "") { text, scalar in
            guard isEscaped(scalar) else { return text.unicodeScalars.append(scalar) }
            switch scalar {
            case "\n": text += #"\n"#
            case "\r": text += #"\r"#
            case "\t": text += #"\t"#
            default:
                let digits = String(scalar.value, radix: 16)
                text += #"\u"# + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            }
        }
    }

    /// At most `count` characters, cut off with an ellipsis: a name that is quoted in a message.
    public func shortened(to count: Int = 60) -> String {
        // Counting the bytes is quick, and a character has at least one.
        utf8.count <= count || self.count <= count ? self : prefix(count - 3) + "..."
    }
}

extension Int {
    /// `1 step`, `2 steps`.
    public func of(_ thing: String) -> String { "\(self) \(thing)\(self == 1 ? "" : "s")" }
}

extension Unicode.Scalar {
    fileprivate var isUnprintable: Bool {
        // What nearly all text consists of needs no look into Unicode's tables.
        if value >= 0x20 && value < 0x7F { return false }
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: return true
        default: return properties.isBidiControl
        }
    }
}
