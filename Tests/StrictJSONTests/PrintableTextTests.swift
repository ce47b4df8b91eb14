import Problems
import Testing

@Suite("Text from outside") struct PrintableTextTests {
    @Test(
        "moves no cursor and begins no line",
        arguments: [
            ("plain, größe, 日本, 🙂", "plain, größe, 日本, 🙂"), ("a\u{1B}[2Jb", #"a\u001b[2Jb"#),
            ("a\nb\r\tc", #"a\nb\r\tc"#),
            ("\u{7F}\u{9B}1m", #"\u007f\u009b1m"#), ("a\u{202E}b\u{2028}", #"a\u202eb\u2028"#), ("", ""),
        ])
    func printable(_ text: String, _ expected: String) {
        #expect(text.printable == expected)
        #expect(text.printableLines == expected.replacing(#"\n"#, with: "\n"))
    }

    @Test func aQuotedNameIsCutOff() {
        #expect(String(repeating: "a", count: 60).shortened() == String(repeating: "a", count: 60))
        #expect(String(repeating: "é", count: 61).shortened() == String(repeating: "é", count: 57) + "...")
    }
}
