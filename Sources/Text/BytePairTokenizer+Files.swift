internal import Problems
internal import StrictJSON

extension BytePairTokenizer {
    private static let classes = ["CLIPTokenizer", "CLIPTokenizerFast"]

    /// Reads a tokenizer's directory: `tokenizer.json` where it has that, otherwise `vocab.json` and `merges.txt`; and
    /// `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`, where it has these.
    ///
    /// - Throws: a `Problem` or `Problems`: `missing`, `corrupt`, or `unsupported` for another kind of tokenizer.
    public init(directory path: String) throws {
        let directory = TokenizerDirectory(path: path)
        let config = try directory.object("tokenizer_config.json")
        if let config, let name = config["tokenizer_class"], !name.isNull, !Self.classes.contains(name.string ?? "") {
            throw config.unsupported(
                "tokenizer_class is \(name.kindDescription)",
                remedy: "diffd reads \(Self.classes[0]) here.", at: name)
        }
        let tokenizer = try directory.object("tokenizer.json")
        let special = try SpecialTokens(in: directory, config: config, tokenizer: tokenizer)
        let vocabulary =
            try tokenizer.map { try BytePairVocabulary(of: $0, unknown: special.unknown) }
            ?? BytePairVocabulary(in: directory, unknown: special.unknown)
        do throws(Problem) {
            try self.init(vocabulary, special: special)
        } catch {
            throw error.inFile(path)
        }
    }

    /// Which token fills sequences up behind their end.
    public enum Padding: Sendable, Hashable, CaseIterable {
        /// The token of the end: Stable Diffusion 1, the first tokenizers of XL and 3, Flux.
        case end
        /// Token 0, "!": Stable Diffusion 2, the second tokenizers of XL and 3.
        case exclamationMark
    }
}
