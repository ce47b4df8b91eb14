internal import Problems
internal import StrictJSON

/// The tokens that mean something by themselves: which they are, and how they are found in a text.
///
/// As transformers 5 reads them: where `tokenizer_config.json` has `added_tokens_decoder`, that says how they are
/// found; otherwise `special_tokens_map.json` overrides it key by key, and `added_tokens.json` and `tokenizer.json` may
/// list further ones.
struct SpecialTokens {
    struct Token: Hashable {
        var content: String
        /// Whether it is looked for in the normalized text rather than in the text as it is given.
        var isNormalized: Bool
        /// Where the files say it.
        var number: Int?
    }

    /// In the order in which they are added to the vocabulary; of several with one content the last counts.
    let added: [Token]
    let beginning: String
    let end: String
    let unknown: String
    let padding: String
    /// Of a sequence; nil where it is left to the encoder.
    let maximumLength: Int?

    private static let (defaultBeginning, defaultEnd) = ("<|startoftext|>", "<|endoftext|>")

    /// Those of CLIP itself, as Stable Diffusion's directories have them.
    init(clip padding: BytePairTokenizer.Padding, maximumLength: Int = 77) {
        (beginning, end, unknown) = (Self.defaultBeginning, Self.defaultEnd, Self.defaultEnd)
        self.maximumLength = maximumLength
        let isEnd = padding == .end
        self.padding = isEnd ? end : "!"
        added = [
            Token(content: beginning, isNormalized: true), Token(content: end, isNormalized: !isEnd),
            Token(content: self.padding, isNormalized: false),
        ]
    }

    /// - Parameters:
    ///   - config: `tokenizer_config.json`, where there is one.
    ///   - tokenizer: `tokenizer.json`, where there is one.
    init(in directory: TokenizerDirectory, config: TokenizerFile?, tokenizer: TokenizerFile?) throws {
        var named = NamedTokens()
        var listed: [Token] = []
        if let config {
            try named.read(config)
            try config.checkSides()
        }
        if let config, let node = config["added_tokens_decoder"], !node.isNull {
            listed = try config.addedTokens(node)
        } else {
            if let map = try directory.object("special_tokens_map.json") { try named.read(map) }
            if let file = try directory.object("added_tokens.json") { listed = try file.numberedTokens(besides: named) }
            for node in tokenizer?["added_tokens"]?.elements ?? [] {
                if let token = try tokenizer?.token(node, number: node["id"]?.integer) { listed.append(token) }
            }
        }
        let known = Set(listed.map(\.content))
        func content(_ key: String, _ standard: String) -> String {
            let token = named.tokens[key] ?? Token(content: standard, isNormalized: false)
            named.tokens[key] = token
            return token.content
        }
        beginning = content("bos_token", Self.defaultBeginning)
        end = content("eos_token", Self.defaultEnd)
        unknown = content("unk_token", Self.defaultEnd)
        padding = content("pad_token", Self.defaultEnd)
        added =
            listed.sorted { ($0.number ?? .max) < ($1.number ?? .max) }
            + named.inOrder.filter { !known.contains($0.content) }
        maximumLength = try config?.maximumLength()
    }
}

/// The tokens that the files give by keys.
private struct NamedTokens {
    var tokens: [String: SpecialTokens.Token] = [:]
    private var further: [SpecialTokens.Token] = []

    private static let keys = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]
    private static let furtherKeys = ["extra_special_tokens", "additional_special_tokens"]

    /// In the order in which transformers adds them.
    var inOrder: [SpecialTokens.Token] { Self.keys.compactMap { tokens[$0] } + further }

    mutating func read(_ file: TokenizerFile) throws {
        for key in Self.keys {
            if let node = file[key], !node.isNull { tokens[key] = try file.token(node) }
        }
        for key in Self.furtherKeys {
            guard let node = file[key], !node.isNull else { continue }
            guard let elements = node.elements else {
                throw file.unsupported(
                    "\(key) is \(node.kindDescription), not a list of tokens", at: node)
            }
            further += try elements.map { try file.token($0) }
        }
    }
}

extension TokenizerFile {
    /// Larger numbers say that there is no limit.
    private static let longest = 1_000_000.0

    /// A token: its content, or an object with that and how it is found.
    fileprivate func token(_ node: JSONNode, number: Int? = nil) throws -> SpecialTokens.Token {
        if let content = node.string, !content.isEmpty {
            return SpecialTokens.Token(content: content, isNormalized: false, number: number)
        }
        guard let content = node["content"]?.string, !content.isEmpty else {
            throw corrupt("\(node.kindDescription) is no token", at: node)
        }
        for key in ["lstrip", "rstrip", "single_word"] where node[key]?.bool == true {
            throw unsupported(
                "the token \"\(content.prefix(60))\" has \(key), which diffd does not know", at: node)
        }
        let isNormalized = node["normalized"]?.bool ?? (node["special"]?.bool == false)
        return SpecialTokens.Token(content: content, isNormalized: isNormalized, number: number)
    }

    /// `added_tokens_decoder`: tokens by their numbers.
    fileprivate func addedTokens(_ node: JSONNode) throws -> [SpecialTokens.Token] {
        guard let members = node.members else {
            throw corrupt("added_tokens_decoder is \(node.kindDescription), not an object", at: node)
        }
        return try members.map { member in
            guard let number = Int(member.name, radix: 10) else {
                throw corrupt("\"\(member.name.prefix(60))\" in added_tokens_decoder is no number", at: member.node)
            }
            return try token(member.node, number: number)
        }
    }

    /// `added_tokens.json`: numbers by the tokens' contents.
    fileprivate func numberedTokens(besides named: NamedTokens) throws -> [SpecialTokens.Token] {
        let special = Set(named.inOrder.map(\.content))
        return try (root.members ?? []).map { member in
            guard let number = member.node.integer, !member.name.isEmpty else {
                throw corrupt("the token \"\(member.name.prefix(60))\" has no number", at: member.node)
            }
            return SpecialTokens.Token(
                content: member.name, isNormalized: !special.contains(member.name), number: number)
        }
    }

    fileprivate func maximumLength() throws -> Int? {
        guard let node = self["model_max_length"] ?? self["max_len"], !node.isNull else { return nil }
        guard let number = node.number, number >= 3 else {
            throw corrupt(
                "model_max_length is \(node.kindDescription), which leaves no room for a text",
                remedy: "Give at least 3, or leave it out.", at: node)
        }
        return number > Self.longest ? nil : Int(exactly: number.rounded(.down))
    }

    fileprivate func checkSides() throws {
        for key in ["padding_side", "truncation_side"] {
            guard let node = self[key], node.string != "right" else { continue }
            throw unsupported(
                "\(key) is \(node.kindDescription), but diffd knows \"right\" only", at: node)
        }
    }
}
