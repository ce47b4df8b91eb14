import Foundation
import StrictJSON
import TestSupport
import Testing
import Text

/// Vocabularies learned from captions.
@Suite struct VocabularyTests {
    static let fixture = Result { try Fixture("vocabulary") }

    private static func texts(_ key: String) throws -> [String] {
        try #require(fixture.get()["texts"].options[key]?.elements).compactMap(\.string)
    }

    private func file(_ name: String, of vocabulary: CLIPVocabulary) throws -> String {
        try #require(vocabulary.files.first { $0.name == name }).text
    }

    @Test(arguments: [514, 515, 600, 5000]) func agreesWithTheReference(_ size: Int) throws {
        let options = try Self.fixture.get()["size_\(size)"].options
        let vocabulary = CLIPVocabulary(learnedFrom: try Self.texts("captions"), size: size, maximumLength: 32)
        let merges = try file("merges.txt", of: vocabulary).split(separator: "\n").dropFirst().map(String.init)
        #expect(try merges == #require(options["merges"]?.elements).compactMap(\.string))
        let tokenizer = vocabulary.tokenizer
        let count = try #require(options["tokens"]?.integer)
        #expect(tokenizer.vocabularySize == count && tokenizer.maximumLength == 32)
        #expect((tokenizer.beginning, tokenizer.end, tokenizer.padding) == (count - 2, count - 1, count - 1))
        let ids = try #require(options["ids"]?.elements).map { $0.elements?.compactMap(\.integer) }
        for (text, expected) in zip(try Self.texts("texts"), ids) {
            #expect(tokenizer.ids(of: text) == expected, "\(text.debugDescription)")
        }
    }

    @Test func filesAreReadBack() throws {
        let vocabulary = CLIPVocabulary(learnedFrom: try Self.texts("captions"), size: 600, maximumLength: 24)
        let directory = try TemporaryDirectory()
        for (name, text) in vocabulary.files { try Data(text.utf8).write(to: URL(filePath: directory(name))) }
        let (read, own) = (try BytePairTokenizer(directory: directory.path), vocabulary.tokenizer)
        #expect(read.vocabularySize == own.vocabularySize && read.maximumLength == 24)
        #expect((read.beginning, read.end, read.padding) == (own.beginning, own.end, own.padding))
        for text in try Self.texts("texts") + (0..<200).map({ GeneratedText.text(seed: $0) }) {
            #expect(read.ids(of: text) == own.ids(of: text), "\(text.debugDescription)")
            #expect(read.text(of: own.ids(of: text)) == own.text(of: own.ids(of: text)))
        }
    }

    @Test func theOrderOfTextsPlaysNoPart() throws {
        let texts = try Self.texts("captions")
        let one = CLIPVocabulary(learnedFrom: texts, size: 700).files
        let other = CLIPVocabulary(learnedFrom: texts.reversed(), size: 700).files
        #expect(one.map(\.text) == other.map(\.text))
        #expect(
            one.map(\.name).sorted() == [
                "merges.txt", "special_tokens_map.json", "tokenizer_config.json", "vocab.json",
            ])
    }

    @Test func noCaptionsLeaveBytes() {
        let tokenizer = CLIPVocabulary(learnedFrom: [], size: 9999).tokenizer
        #expect(tokenizer.vocabularySize == CLIPVocabulary.leastSize)
        // A token for each byte.
        #expect(tokenizer.ids(of: "a été").count == 6)
        #expect(tokenizer.text(of: tokenizer.ids(of: "a été")) == "a été")
    }

    @Test func frequentWordsAreOneToken() {
        let colours = ["red", "blue", "green"]
        let captions = colours.flatMap { colour in colours.map { "a \(colour) disc left of a \($0) square" } }
        let tokenizer = CLIPVocabulary(learnedFrom: captions, size: 1000).tokenizer
        #expect(tokenizer.ids(of: "a red disc left of a green square").count == 8)
        #expect(tokenizer.text(of: tokenizer.ids(of: "Green discs")) == "green discs")
    }
}
