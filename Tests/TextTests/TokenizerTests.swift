import DurableFiles
import StrictJSON
import TestSupport
import Testing
import Text

/// The tokens that transformers gives, for CLIP's own vocabulary and for small directories of every form.
@Suite struct TokenizerTests {
    static let fixture = Result { try Fixture("tokenizer") }

    /// The tokenizer of a case.
    private static func tokenizer(_ test: Fixture.Case) throws -> BytePairTokenizer {
        if let directory = test.options["directory"]?.string {
            return try BytePairTokenizer(directory: Fixture.path("Tokenizers/\(directory)"))
        }
        return CLIPVocabulary(padding: test.name.hasPrefix("clip_end") ? .end : .exclamationMark).tokenizer
    }

    private static func strings(_ node: JSONNode?) throws -> [String] {
        try #require(node?.elements).compactMap(\.string)
    }

    private static func ids(_ node: JSONNode?) throws -> [[Int]] {
        try #require(node?.elements).map { try #require($0.elements).compactMap(\.integer) }
    }

    /// As the fixture has it.
    private static func digest(_ sequences: [[Int]]) throws -> String {
        let text = sequences.map { $0.map { "\($0) " }.joined() + "\n" }.joined()
        return try SHA256.digest(of: Array(text.utf8)).description
    }

    private static let names = [
        "clip_end", "clip_exclamation_mark", "tiny_map", "tiny_map_saved", "tiny_decoder", "tiny_decoder_saved",
        "tiny_added", "tiny_added_saved",
    ]

    @Test(arguments: names) func agreesWithTransformers(_ name: String) throws {
        let fixture = try Self.fixture.get()
        let (texts, test) = (try Self.strings(fixture["texts"].options["texts"]), try fixture[name])
        let tokenizer = try Self.tokenizer(test)
        let options = test.options
        #expect(tokenizer.vocabularySize == options["size"]?.integer)
        #expect(tokenizer.beginning == options["beginning"]?.integer && tokenizer.end == options["end"]?.integer)
        #expect(tokenizer.padding == options["padding"]?.integer)
        #expect(tokenizer.maximumLength == options["maximum_length"]?.integer)
        for (text, expected) in zip(texts, try Self.ids(options["ids"])) {
            let ids = tokenizer.ids(of: text)
            #expect(ids == expected, "\(text.debugDescription)")
        }
        let length = try #require(options["length"]?.integer)
        let framed = texts.map { tokenizer.truncated(Prompt($0), to: length) }
        #expect(framed.allSatisfy { $0.sequences.count == 1 && $0.sequences[0].ids.count == length })
        #expect(try Self.digest(framed.map { $0.sequences[0].ids }) == options["framed"]?.string)
    }

    @Test(arguments: ["clip_end_generated", "clip_exclamation_mark_generated"])
    func agreesForGeneratedTexts(_ name: String) throws {
        let test = try Self.fixture.get()[name]
        let tokenizer = try Self.tokenizer(test)
        let digests = try Self.strings(test.options["digests"])
        #expect(digests.count == 100)
        let differing = try digests.indices.filter { group in
            let texts = (100 * group..<100 * group + 100).map { GeneratedText.text(seed: UInt64($0)) }
            return try Self.digest(texts.map(tokenizer.ids(of:))) != digests[group]
        }
        #expect(differing == [], "of each hundred texts")
    }

    @Test(arguments: [1, 3]) func placeholdersAreThoseOfDiffusers(_ vectors: Int) throws {
        let test = try Self.fixture.get()["placeholders_\(vectors)"]
        var tokenizer = CLIPVocabulary(padding: .end).tokenizer
        #expect(try tokenizer.add(placeholder: "<toy>", vectors: vectors) == 49408..<49408 + vectors)
        #expect(tokenizer.vocabularySize == test.options["size"]?.integer)
        for (text, expected) in zip(try Self.strings(test.options["texts"]), try Self.ids(test.options["ids"])) {
            #expect(tokenizer.ids(of: text) == expected, "\(text)")
        }
    }
}
