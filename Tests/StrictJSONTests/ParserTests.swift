import Problems
import StrictJSON
import TestSupport
import Testing

@Suite struct ParserTests {
    private func parse(_ text: String) throws -> JSONNode { try JSONNode.parse(Array(text.utf8)) }

    @Test(
        arguments: [
            ("null", JSONNode(.null)), (" true\n", true), ("false", false), ("0", 0), ("-12", -12),
            ("9223372036854775807", JSONNode(.integer(.max))), ("9223372036854775808", JSONNode(.unsigned(1 << 63))),
            ("18446744073709551616", 18446744073709551616.0),
            ("-0", JSONNode(.number(-0.0))), ("1.5e-3", 0.0015), ("1E2", 100.0), ("\"\"", ""),
            ("\"a\\u0041\\n\\/\"", "aA\n/"),
            ("\"\\ud83d\\ude00\"", "😀"), ("\"é\u{10FFFF}\"", "é\u{10FFFF}"), ("[]", []),
            ("[1, [2.5], {}]", [1, [2.5], [:]]),
            ("{\"a\": {\"b\": [null]}}", ["a": ["b": [.null]]]),
        ] as [(String, JSONNode)])
    func accepts(text: String, expected: JSONNode) throws {
        #expect(try parse(text) == expected)
        #expect(try parse(expected.text) == expected, "the writer's text reads back")
        #expect(try parse(expected.line) == expected)
    }

    @Test(arguments: [
        "{\"a\" 1}", "{a: 1}", "{'a': 1}", "{\"a\": 1,}", "[1,]", "[1 2]", "[,1]", "01", "-01", "1.e3", "+1", ".5",
        "NaN", "Infinity",
        "-Infinity", "1e999", "tru1", "nul!", "{} {}", "{}x", "\"\t\"", "\"\\x\"", "\"\\u12g4\"", "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"", "// comment\n1", "}", "\u{FEFF}{}",
    ])
    func refuses(text: String) {
        guard case .malformed(let problems) = JSONNode.read(Array(text.utf8)) else {
            Issue.record("\(text) is not malformed")
            return
        }
        for problem in problems.all {
            #expect(problem.code == .invalid && problem.line != nil && problem.column != nil && problem.remedy != nil)
        }
    }

    @Test(
        arguments: [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22],
            [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22],
            [0x22, 0xE2, 0x28, 0xA1, 0x22], [0x22, 0x80, 0x22], [0x00],
        ] as [[UInt8]])
    func refusesInvalidUTF8(bytes: [UInt8]) {
        guard case .malformed = JSONNode.read(bytes) else {
            Issue.record("\(bytes) is not malformed")
            return
        }
    }

    @Test func everyPrefixOfAnObjectIsIncomplete() throws {
        let text = "{\"näme\": [1.5e+3, true, null, \"\\ud83d\\ude00\\n\"], \"b\": {\"c\": -0.1}}"
        let bytes = Array(text.utf8)
        for length in bytes.indices {
            guard case .incomplete = JSONNode.read(Array(bytes[..<length])) else {
                Issue.record("the first \(length) bytes are not incomplete")
                continue
            }
        }
        #expect(try parse(text)["b"]?["c"]?.number == -0.1)
    }

    @Test func saysWhere() throws {
        let root = try parse("{\n  \"ä\": 1, \"steps\": {\"x\": [3,\n 4]}}")
        #expect(root["steps"]?.place == JSONNode.Place(line: 2, column: 20))
        #expect(root["steps"]?["x"]?.elements?[1].place == JSONNode.Place(line: 3, column: 2))
        #expect(root.members?[1].place == JSONNode.Place(line: 2, column: 11))
    }

    @Test func reportsEveryDuplicateWithItsPath() {
        let names = (0..<20).map { "\"k\($0)\": 0" }.joined(separator: ",")
        let text = "{\"a\": {\"x y\": 1, \"x y\": 2}, \"b\": [{\(names), \"k3\": 1}], \"a\": 3}"
        #expect(throws: Problems.self) { try parse(text) }
        guard case .malformed(let problems) = JSONNode.read(Array(text.utf8)) else { return }
        #expect(problems.all.map(\.path) == ["$.a['x y']", "$.b[0].k3", "$.a"])
    }

    @Test func boundsDepth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        _ = try parse(nested(JSONNode.maximumDepth))
        #expect(throws: Problems.self) { try parse(nested(JSONNode.maximumDepth + 1)) }
        #expect(throws: Problems.self) { try parse(String(repeating: "[", count: 1_000_000)) }
        #expect(throws: Problems.self) { try parse(String(repeating: "{\"a\":", count: 100_000)) }
    }

    @Test func wholeNumbersCountAsIntegers() throws {
        #expect(try parse("1e3").integer == 1000)
        #expect(try parse("2.0").integer == 2)
        #expect(try parse("2.5").integer == nil)
        #expect(try parse("1e30").integer == nil)
        #expect(try parse("7").number == 7)
    }

    @Test func survivesRandomBytes() {
        var generator = SeededGenerator(seed: 7)
        let alphabet = Array("{}[]\",:\\u0123eE+-.truefalsn \n".utf8) + [0x80, 0xC3, 0xE2, 0xF0, 0x00]
        var complete = 0
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0..<24, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator)!
            }
            if case .complete(let node) = JSONNode.read(bytes) {
                complete += 1
                #expect((try? parse(node.text)) == node)
            }
        }
        #expect(complete > 0)
    }
}
