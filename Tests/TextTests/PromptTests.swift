import Problems
import Testing
import Text

/// Weights by the rules of AUTOMATIC1111's web UI. The first cases are those of its own documentation.
@Suite struct PromptTests {
    private func fragments(_ text: String) throws -> [[Prompt.Fragment]] { try Prompt(weighted: text).parts }

    private func part(_ fragments: (String, Double)...) -> [Prompt.Fragment] {
        fragments.map { Prompt.Fragment($0.0, weight: Float($0.1)) }
    }

    @Test func publishedExamples() throws {
        #expect(try fragments("normal text") == [part(("normal text", 1))])
        #expect(try fragments("an (important) word") == [part(("an ", 1), ("important", 1.1), (" word", 1))])
        #expect(try fragments("(unbalanced") == [part(("unbalanced", 1.1))])
        #expect(try fragments("\\(literal\\]") == [part(("(literal]", 1))])
        #expect(try fragments("(unnecessary)(parens)") == [part(("unnecessaryparens", 1.1))])
        #expect(
            try fragments("a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).")
                == [
                    part(
                        ("a ", 1), ("house", 1.573), (" ", 1.1), ("on", 1), (" a ", 1.1), ("hill", 0.55),
                        (", sun, ", 1.1), ("sky", 1.4641), (".", 1.1))
                ])
    }

    @Test func brackets() throws {
        #expect(try fragments("") == [[]])
        #expect(try fragments("[a]b") == [part(("a", 1 / 1.1), ("b", 1))])
        #expect(try fragments("[[a b") == [part(("a b", 1 / 1.1 / 1.1))])
        #expect(try fragments("a) b] c") == [part(("a) b] c", 1))])
        #expect(try fragments("a:1.2) (b : +.5 ) c:d") == [part(("a:1.2) ", 1), ("b ", 0.5), (" c:d", 1))])
        #expect(try fragments("(a:-1) (b:2") == [part(("a", -1), (" ", 1), ("b:2", 1.1))])
        #expect(try fragments("(a [b:c] (d|e))") == [part(("a ", 1.1), ("b:c", 1), (" ", 1.1), ("d|e", 1.21))])
        #expect(try fragments("a\\\\b\\c\\") == [part(("a\\bc", 1))])
        // Square brackets are closed by square ones only, and their own weights are those of schedules.
        #expect(try fragments("(a]b)") == [part(("a]b", 1.1))])
    }

    @Test func breaks() throws {
        #expect(try fragments("a BREAK (b)  BREAK\nBREAK c") == [part(("a", 1)), part(("b", 1.1)), [], part(("c", 1))])
        #expect(try fragments("(a BREAK b)") == [part(("a", 1.1)), part(("b", 1.1))])
        #expect(
            try fragments("BREAKFAST xBREAK break, BREAK.") == [part(("BREAKFAST xBREAK break,", 1)), part((".", 1))])
        let many = String(repeating: "a BREAK ", count: 20_000)
        #expect(try fragments(many).count == 20_001)
    }

    @Test func nestingIsNotLimitedByTheStack() throws {
        let deep = String(repeating: "(", count: 40) + "a" + String(repeating: ")", count: 40)
        #expect(try fragments(deep) == [part(("a", Double(sign: .plus, exponent: 0, significand: power(1.1, 40))))])
        let open = String(repeating: "[", count: 200_000)
        #expect(try fragments(open) == [[]])
    }

    private func power(_ base: Double, _ exponent: Int) -> Double {
        (0..<exponent).reduce(1) { product, _ in product * base }
    }

    @Test(arguments: [
        ("a cat AND a dog", "AND", 7), ("a AND b :0.3", "AND", 3), ("[cat:dog:0.5]", "at a step", 1),
        ("x [:dog: 3 ]", "at a step", 3),
        ("é [cat:10]", "at a step", 3), ("(a [b:(c):1e1])", "at a step", 4), ("[cat|dog]", "each step", 1),
        ("[a|]", "each step", 1),
    ])
    func whatChangesByStepIsRefused(_ text: String, _ words: String, _ place: Int) throws {
        let problem = try #require(throws: Problem.self) { try Prompt(weighted: text) }
        #expect(problem.code == .unsupported && problem.remedy != nil)
        #expect(problem.message.contains(words) && problem.message.contains("character \(place):"), "\(problem)")
    }

    @Test(arguments: [
        "salt and pepper", "BAND ANDY", "(a|b) c|d", "[a:b] [a:b:c]", "[a\\|b] [a\\:1]", "[(a:0.5)]", "a:0.5]",
        "\\[a:b:0.5\\]",
    ])
    func whatOnlyLooksLikeItIsText(_ text: String) throws { _ = try Prompt(weighted: text) }

    @Test(arguments: ["(a:1.2.3)", "(a:..)", "(a:101)", "((a:20):-20)"]) func impossibleWeights(_ text: String) throws {
        let problem = try #require(throws: Problem.self) { try Prompt(weighted: text) }
        #expect(problem.code == .invalid, "\(problem)")
    }

    @Test func plainTextIsTakenAsItIs() {
        #expect(Prompt("(a:1.2) AND [b|c] BREAK").parts == [part(("(a:1.2) AND [b|c] BREAK", 1))])
        #expect(!Prompt("(a)").isWeighted)
    }
}
