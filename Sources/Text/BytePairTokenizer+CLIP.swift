internal import CTextTables
internal import Problems
internal import StrictJSON

/// The tokenizer of CLIP itself (openai/clip-vit-large-patch14), for models that are shared without one.
extension BytePairTokenizer {
    public static func clip(padding: Padding) -> BytePairTokenizer {
        do throws(Problem) {
            let (special, merges) = (SpecialTokens(clip: padding), try clipMerges())
            let tokens = clipTokens(merges, special)
            let numbers = Dictionary(uniqueKeysWithValues: zip(tokens, tokens.indices))
            let vocabulary = try BytePairVocabulary(numbers, merges: merges, unknown: special.unknown)
            return try BytePairTokenizer(vocabulary, special: special)
        } catch {
            preconditionFailure("the table in the program is damaged: \(error)")
        }
    }

    /// The same as files, from which transformers makes it, version 4 or 5: their names, and what they hold.
    public static func clipFiles(padding: Padding) -> [(name: String, text: String)] {
        do throws(Problem) {
            let (special, merges) = (SpecialTokens(clip: padding), try clipMerges())
            let numbers = clipTokens(merges, special).enumerated().map {
                JSONNode.Member($0.element, JSONNode(.integer($0.offset)))
            }
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
        } catch {
            preconditionFailure("the table in the program is damaged: \(error)")
        }
    }

    private static func clipMerges() throws(Problem) -> [(left: String, right: String)] {
        try BytePairVocabulary.merges(of: String(cString: ctext_clip_merges()))
    }

    /// In the order of their numbers: bytes, bytes at the ends of words, joined pairs, and the two ends of a text.
    private static func clipTokens(
        _ merges: [(left: String, right: String)], _ special: SpecialTokens
    ) -> [String] {
        let bytes = ByteSymbols.order.map { String(ByteSymbols.symbols[Int(clamping: $0)]) }
        return bytes + bytes.map { $0 + BytePairVocabulary.wordEnd } + merges.map { $0.left + $0.right }
            + [special.beginning, special.end]
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
