import TestSupport

/// Texts by the rule of Tests/Reference/tokenizer.py.
enum GeneratedText {
    private static let words = [
        "the", "Photo", "don't", "I'LL", "ÅNGSTRÖM", "Straße", "ΣΊΣΥΦΟΣ", "İ", "<|endoftext|>", "<|STARTOFTEXT|>", "!!",
        "  ", "'s", "'re", "ﬁ", "9",
    ]

    private static let spaces = Array(
        ("\t\n\u{0B}\u{0C}\r\u{1C}\u{1F} \u{85}\u{A0}\u{1680}\u{2003}\u{200B}\u{2028}\u{202F}\u{205F}\u{3000}\u{FEFF}\0"
            + "\u{7F}").unicodeScalars)

    private static let ranges: [Range<UInt64>] = [
        0xA0..<0x250, 0x250..<0x300, 0x300..<0x370, 0x370..<0xD800, 0x590..<0x700, 0x900..<0xE00, 0xF00..<0x1000,
        0x1100..<0x1200, 0x1AB0..<0x1E00, 0x1E00..<0x2100, 0xA8E0..<0xAC00, 0xAC00..<0xD7A4, 0x10000..<0x20000,
        0xE000..<0x110000,
    ]

    static func text(seed: UInt64) -> String {
        var random = SeededGenerator(seed: seed)
        func below(_ count: Int) -> Int { Int(random.next() % UInt64(count)) }
        var text = String.UnicodeScalarView()
        func append(_ number: UInt64) { Unicode.Scalar(UInt32(number)).map { text.append($0) } }
        for _ in 0..<1 + below(24) {
            switch below(8) {
            case 0, 1, 2: append(0x20 + UInt64(below(0x5F)))
            case 3: text.append(contentsOf: words[below(words.count)].unicodeScalars)
            case 4: text.append(spaces[below(spaces.count)])
            default:
                let range = ranges[below(ranges.count)]
                append(range.lowerBound + UInt64(below(range.count)))
            }
        }
        return String(text)
    }
}
