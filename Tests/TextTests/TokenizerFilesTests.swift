import Foundation
import Problems
import TestSupport
import Testing
import Text

/// What cannot be read is refused by name.
@Suite struct TokenizerFilesTests {
    /// A copy of a fixture's directory with one of its files changed.
    private func changed(
        _ name: String, _ file: String, _ change: (String) -> String?
    ) throws -> (directory: TemporaryDirectory, path: String) {
        let directory = try TemporaryDirectory()
        let path = directory("tokenizer")
        try FileManager.default.copyItem(atPath: Fixture.path("Tokenizers/\(name)"), toPath: path)
        let target = URL(filePath: "\(path)/\(file)")
        let text =
            FileManager.default.fileExists(atPath: target.path) ? try String(contentsOf: target, encoding: .utf8) : ""
        if let new = change(text) {
            #expect(new != text, "something changes")
            try Data(new.utf8).write(to: target)
        } else {
            try FileManager.default.removeItem(at: target)
        }
        return (directory, path)
    }

    private func problem(_ name: String, _ file: String, _ change: (String) -> String?) throws -> Problem {
        let (directory, path) = try changed(name, file, change)
        return try withExtendedLifetime(directory) {
            do {
                _ = try BytePairTokenizer(directory: path)
            } catch let problem as Problem {
                return problem
            } catch let problems as Problems {
                return try #require(problems.all.first)
            }
            throw Problem(.internal, "the tokenizer was read")
        }
    }

    private func problem(_ name: String, _ file: String, replacing old: String, by new: String) throws -> Problem {
        try problem(name, file) { $0.replacing(old, with: new) }
    }

    @Test(arguments: [
        ("\"type\": \"BPE\"", "\"type\": \"Unigram\"", "model.type"), ("\"</w>\"", "null", "end_of_word_suffix"),
        ("\"byte_fallback\": false", "\"byte_fallback\": true", "byte_fallback"),
        ("\"Lowercase\"", "\"Strip\"", "normalizer"),
        ("\"type\": \"Split\"", "\"type\": \"Whitespace\"", "pre_tokenizer"),
    ])
    func otherKindsAreRefused(_ old: String, _ new: String, _ words: String) throws {
        let found = try problem("map_saved", "tokenizer.json", replacing: old, by: new)
        #expect(found.code == .unsupported && found.message.contains(words) && found.line != nil, "\(found)")
    }

    @Test func otherClassesAreRefused() throws {
        let found = try problem("map", "tokenizer_config.json", replacing: "CLIPTokenizer", by: "T5Tokenizer")
        #expect(found.code == .unsupported && found.message.contains("T5Tokenizer"))
        let gpt = try problem("added", "vocab.json") { _ in "{\"a\": 0, \"<|endoftext|>\": 1}" }
        #expect([.unsupported, .corrupt].contains(gpt.code))
    }

    @Test func damagedVocabulariesAreRefused() throws {
        #expect(try problem("map", "vocab.json") { _ in nil }.code == .missing)
        #expect(try problem("map", "merges.txt") { _ in nil }.code == .missing)
        for (old, new) in [
            ("\"a\": 8", "\"a\": 9"), ("\"a\": 8", "\"a\": 99999999"), ("\"a\": 8", "\"a\": -1"),
            ("\"a\": 8", "\"a\": 8.5"), ("\"a\": 8, ", ""),
        ] {
            #expect(try problem("map", "vocab.json", replacing: old, by: new).code == .corrupt, "\(new)")
        }
        for merges in ["t h\nth e</w> x", "t h\nt ☃", "t\n"] {
            let found = try problem("map", "merges.txt") { _ in merges }
            #expect(found.code == .corrupt, "\(found)")
        }
    }

    @Test func settingsThatAreNotKnownAreRefused() throws {
        let length = try problem(
            "map", "tokenizer_config.json", replacing: "\"model_max_length\": 12", by: "\"model_max_length\": 2")
        #expect(length.message.contains("model_max_length"))
        let side = try problem(
            "map", "tokenizer_config.json", replacing: "\"errors\":", by: "\"padding_side\": \"left\", \"errors\":")
        #expect(side.code == .unsupported && side.message.contains("padding_side"))
        let strip = try problem(
            "decoder", "tokenizer_config.json", replacing: "\"lstrip\": false", by: "\"lstrip\": true")
        #expect(strip.code == .unsupported && strip.message.contains("lstrip"))
        let number = try problem("added", "added_tokens.json") { _ in "{\"<toy>\": 900}" }
        #expect(number.code == .corrupt && number.message.contains("<toy>"))
    }

    @Test func placeholdersMustBeNew() throws {
        var tokenizer = CLIPVocabulary(padding: .exclamationMark).tokenizer
        for name in ["cat", "!", "<|endoftext|>", "<|EndOfText|>", "", "a b", "\u{3000}"] {
            let found = try #require(throws: Problem.self) { try tokenizer.add(placeholder: name, vectors: 1) }
            #expect(found.code == .invalid, "\(name)")
        }
        #expect(tokenizer.vocabularySize == 49408)
        #expect(try tokenizer.add(placeholder: "EasyThing", vectors: 2) == 49408..<49410)
        #expect(try tokenizer.add(placeholder: "<x>", vectors: 1) == 49410..<49411)
        #expect(tokenizer.ids(of: "an easything, EASYTHING_1<x>") == [550, 49408, 49409, 267, 49409, 49410])
        #expect(tokenizer.text(of: [550, 49408, 49409, 320]) == "an EasyThing EasyThing_1 a")
        for name in ["easything", "EASYTHING_1", "<X>"] {
            #expect(throws: Problem.self) { try tokenizer.add(placeholder: name, vectors: 1) }
        }
    }

    @Test func longWordsAreQuick() {
        let tokenizer = CLIPVocabulary(padding: .end).tokenizer
        let word = String((0..<20_000).map { Character(Unicode.Scalar(UInt8(97 + $0 * $0 % 26))) })
        #expect(tokenizer.text(of: tokenizer.ids(of: word)) == word)
    }
}
