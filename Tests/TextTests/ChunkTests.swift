import Testing
import Text

/// Prompts as sequences of tokens.
@Suite struct ChunkTests {
    private let tokenizer = CLIPVocabulary(padding: .exclamationMark).tokenizer

    @Test func whatIsCutOffIsTold() throws {
        let prompt = tokenizer.truncated(
            Prompt(Array(repeating: "Cat", count: 73).joined(separator: " ") + " a, b é"), to: 77)
        #expect(prompt.count == 77 && prompt.excess == .init(count: 2, text: "b é"))
        let sequence = prompt.sequences[0]
        #expect(prompt.sequences.count == 1 && sequence.ids.count == 77 && sequence.filled == 77)
        #expect(sequence.ids.first == 49406 && sequence.ids.last == 49407 && sequence.ids[74...75] == [320, 267])

        let short = tokenizer.truncated(Prompt("a cat"), to: 77)
        #expect(short.excess == nil && short.count == 2)
        #expect(short.sequences[0].ids == [49406, 320, 2368, 49407] + [Int](repeating: 0, count: 73))
        #expect(short.sequences[0].filled == 4 && short.sequences[0].weights == [Float](repeating: 1, count: 77))
        #expect(tokenizer.truncated(Prompt("a cat sat"), to: 3).excess == .init(count: 2, text: "cat sat"))
    }

    @Test func weightsStandBesideTheirTokens() throws {
        let prompt = try tokenizer.truncated(Prompt(weighted: "a (red cat:1.5) [sat]"), to: 8)
        #expect(prompt.sequences[0].ids == [49406, 320, 736, 2368, 3279, 49407, 0, 0])
        #expect(prompt.sequences[0].weights == [1, 1, 1.5, 1.5, Float(1 / 1.1), 1, 1, 1])
        // A word ends where its weight does: "cats" as one word is another token.
        let split = try tokenizer.truncated(Prompt(weighted: "(cat)s"), to: 6)
        #expect(split.sequences[0].ids == [49406, 2368, 338, 49407, 0, 0])
    }

    @Test func longPromptsBecomeChunks() throws {
        let words = Array(repeating: "cat", count: 150).joined(separator: " ")
        let chunks = tokenizer.chunks(of: Prompt(words), length: 77)
        let full = [49406] + [Int](repeating: 2368, count: 75) + [49407]
        #expect(chunks.sequences.map(\.ids) == [full, full] && chunks.count == 150 && chunks.excess == nil)
        let longer = tokenizer.chunks(of: Prompt(words + " cat"), length: 77)
        #expect(
            longer.sequences.count == 3
                && longer.sequences[2] == tokenizer.truncated(Prompt("cat"), to: 77).sequences[0])
    }

    @Test func breaksEndChunks() throws {
        let prompt = try tokenizer.chunks(of: Prompt(weighted: "a BREAK (cat) BREAK"), length: 6)
        #expect(prompt.sequences.map(\.ids) == [[49406, 320, 49407, 0, 0, 0], [49406, 2368, 49407, 0, 0, 0]])
        #expect(prompt.sequences[1].weights == [1, 1.1, 1, 1, 1, 1])
        let first = try tokenizer.chunks(of: Prompt(weighted: "BREAK a"), length: 6)
        #expect(first.sequences.map(\.filled) == [2, 3])
        // Without chunks they only separate words.
        #expect(
            try tokenizer.truncated(Prompt(weighted: "a BREAK cat"), to: 6).sequences[0].ids == [
                49406, 320, 2368, 49407, 0, 0,
            ])
    }

    @Test func theShorterPromptGetsEmptyChunks() {
        let empty = tokenizer.chunks(of: Prompt(""), length: 6)
        #expect(empty.sequences.map(\.ids) == [[49406, 49407, 0, 0, 0, 0]] && empty.count == 0)
        let extended = tokenizer.chunks(of: Prompt("a"), length: 6).extended(to: 3, by: tokenizer)
        #expect(
            extended.sequences.map(\.ids) == [[49406, 320, 49407, 0, 0, 0]]
                + [[Int]](repeating: empty.sequences[0].ids, count: 2))
        #expect(extended.count == 1 && extended.extended(to: 2, by: tokenizer) == extended)
    }
}
