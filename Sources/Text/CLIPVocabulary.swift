internal import CTextTables
internal import Problems
internal import StrictJSON

/// A vocabulary as CLIP has it: bytes, bytes at the ends of words, joined pairs, and the two ends of a text, in this
/// order. Either CLIP's own, for models that are shared without one, or one learned from captions.
public struct CLIPVocabulary: Sendable {
    /// The fewest tokens: without joined pairs.
    public static let leastSize = 2 * 256 + 2

    /// By rank.
    private let merges: [(left: String, right: String)]
    private let special: SpecialTokens

    /// That of openai/clip-vit-large-patch14.
    public init(padding: BytePairTokenizer.Padding) {
        do throws(Problem) {
            merges = try BytePairVocabulary.merges(of: String(cString: ctext_clip_merges()))
        } catch {
            preconditionFailure("the table in the program is damaged: \(error)")
        }
        special = SpecialTokens(clip: padding)
    }

    /// Learned from texts (Sennrich et al. 2016, algorithm 1): as CLIP's tokenizer splits them into words, the pair
    /// that occurs most is joined, again and again; of equals the one whose left, then right token is older. The order
    /// of the texts plays no part. Sequences are filled up with the token of the end.
    ///
    /// - Parameters:
    ///   - count: how many tokens it has, at least `leastSize`; fewer, where no further pair occurs twice.
    ///   - maximumLength: of a sequence with its beginning and end, at least 3.
    public init(learnedFrom texts: some Sequence<String>, size count: Int, maximumLength: Int = 77) {
        precondition(count >= Self.leastSize && maximumLength >= 3, "room for all bytes, and for a text")
        var counts: [[UInt8]: Int] = [:]
        for (text, times) in Dictionary(texts.lazy.map { ($0, 1) }, uniquingKeysWith: +) {
            for word in CLIPWords.words(of: CLIPWords.normalized(Array(text.unicodeScalars))) {
                counts[word, default: 0] += times
            }
        }
        let numbers = Dictionary(uniqueKeysWithValues: zip(ByteSymbols.order, ByteSymbols.order.indices))
        let words = counts.map { word, times -> (tokens: [Int], count: Int) in
            var tokens = word.compactMap { numbers[$0] }
            tokens[tokens.count - 1] += numbers.count
            return (tokens, times)
        }
        var learner = MergeLearner(words, tokens: Self.bytes)
        // The two ends come behind.
        merges = learner.merges(upTo: count - 2)
        special = SpecialTokens(clip: .end, maximumLength: maximumLength)
    }

    /// In the order of their numbers.
    private var tokens: [String] {
        Self.bytes + merges.map { $0.left + $0.right } + [special.beginning, special.end]
    }

    /// Within words, and at their ends.
    private static let bytes: [String] = {
        let inner = ByteSymbols.order.map { String(ByteSymbols.symbols[Int(clamping: $0)]) }
        return inner + inner.map { $0 + BytePairVocabulary.wordEnd }
    }()

    public var tokenizer: BytePairTokenizer {
        do throws(Problem) {
            let tokens = tokens
            let numbers = Dictionary(uniqueKeysWithValues: zip(tokens, tokens.indices))
            let vocabulary = try BytePairVocabulary(numbers, merges: merges, unknown: special.unknown)
            return try BytePairTokenizer(vocabulary, special: special)
        } catch {
            preconditionFailure("a vocabulary that is not of its own tokens: \(error)")
        }
    }

    /// The same as files, from which transformers makes its `CLIPTokenizer`, version 4 or 5, and `BytePairTokenizer`
    /// its own: their names, and what they hold.
    public var files: [(name: String, text: String)] {
        let numbers = tokens.enumerated().map { JSONNode.Member($0.element, JSONNode(.integer($0.offset))) }
        let lines = merges.map { "\($0.left) \($0.right)" }
        let config: JSONNode = [
            "tokenizer_class": "CLIPTokenizer", "model_max_length": JSONNode(.integer(special.maximumLength ?? 77)),
            "do_lower_case": true, "errors": "replace", "add_prefix_space": false,
        ]
        let named = special.json
        return [
            ("vocab.json", JSONNode(.object(numbers)).line + "\n"),
            ("merges.txt", (["#version: 0.2"] + lines).joined(separator: "\n") + "\n"),
            ("tokenizer_config.json", JSONNode(.object((config.members ?? []) + (named.members ?? []))).text),
            ("special_tokens_map.json", named.text),
        ]
    }
}

extension SpecialTokens {
    /// By the keys of transformers.
    fileprivate var json: JSONNode {
        func token(_ content: String) -> JSONNode {
            guard let found = added.last(where: { $0.content == content }) else { return JSONNode(.string(content)) }
            return [
                "content": JSONNode(.string(content)), "lstrip": false,
                "normalized": JSONNode(.bool(found.isNormalized)), "rstrip": false, "single_word": false,
            ]
        }
        return [
            "bos_token": token(beginning), "eos_token": token(end), "unk_token": token(unknown),
            "pad_token": token(padding),
        ]
    }
}
