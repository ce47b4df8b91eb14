public import Problems

/// CLIP's tokenizer (Radford et al. 2021): words in lower case, their bytes joined to tokens pair by pair.
///
/// It gives the tokens of transformers' `CLIPTokenizer`, version 5, for any text. That program takes the padding token
/// for a token wherever a prompt has its characters. Where it is "!", as in Stable Diffusion 2 and the second tokenizer
/// of XL, each "!" of a prompt is the token 0, while other programs have 256 for it, and join several.
public struct BytePairTokenizer: Tokenizer {
    public let beginning: Int?
    public let end: Int
    public let padding: Int
    public let maximumLength: Int?
    public private(set) var vocabularySize: Int

    private let vocabulary: BytePairVocabulary
    /// Contents of tokens beyond those of bytes and pairs; several numbers where one string stands for several tokens.
    private var literals = LiteralTokens()
    /// Those looked for in the normalized text, and normalized themselves.
    private var normalizedLiterals = LiteralTokens()
    /// Contents of tokens that the vocabulary itself lacks.
    private var furtherTokens: [Int: String] = [:]

    init(_ vocabulary: BytePairVocabulary, special: SpecialTokens) throws(Problem) {
        self.vocabulary = vocabulary
        maximumLength = special.maximumLength
        var numbers: [String: Int] = [:]
        var tokens: [Int: SpecialTokens.Token] = [:]
        var size = vocabulary.tokens.count
        for token in special.added {
            let number = vocabulary[token.content] ?? numbers[token.content] ?? size
            size = max(size, number + 1)
            guard token.number ?? number == number else {
                throw Problem(
                    .corrupt,
                    "the token \"\(token.content.prefix(60))\" should have the number \(number), not "
                        + "\(token.number ?? number)")
            }
            numbers[token.content] = number
            tokens[number] = token
        }
        guard let beginning = numbers[special.beginning], let end = numbers[special.end],
            let padding = numbers[special.padding]
        else { preconditionFailure("named tokens are added") }
        (self.beginning, self.end, self.padding) = (beginning, end, padding)
        vocabularySize = size
        for (number, token) in tokens.sorted(by: { $0.key < $1.key }) {
            if number >= vocabulary.tokens.count { furtherTokens[number] = token.content }
            insert(token.content, isNormalized: token.isNormalized, ids: [number])
        }
    }

    private mutating func insert(_ content: String, isNormalized: Bool, ids: [Int]) {
        let scalars = Array(content.unicodeScalars)
        if isNormalized {
            let normalized = CLIPWords.normalized(scalars)
            if !normalizedLiterals.contains(normalized) { normalizedLiterals.insert(normalized, ids: ids) }
        } else {
            literals.insert(scalars, ids: ids)
        }
    }

    public func ids(of text: String) -> [Int] {
        literals.split(Array(text.unicodeScalars)).flatMap { piece in
            switch piece {
            case .tokens(let ids): ids
            case .text(let text): normalizedLiterals.split(CLIPWords.normalized(text)).flatMap(ids(of:))
            }
        }
    }

    private func ids(of piece: LiteralTokens.Piece) -> [Int] {
        switch piece {
        case .tokens(let ids): ids
        case .text(let text): CLIPWords.words(of: text).flatMap(vocabulary.ids(of:))
        }
    }

    public func text(of ids: some Sequence<Int>) -> String {
        var bytes: [UInt8] = []
        for id in ids {
            if let further = furtherTokens[id] {
                bytes += Array("\(further) ".utf8)
            } else if vocabulary.tokens.indices.contains(id) {
                let token = vocabulary.tokens[id]
                let isWordEnd = token.hasSuffix(BytePairVocabulary.wordEnd)
                bytes += ByteSymbols.bytes(
                    of: isWordEnd ? token.dropLast(BytePairVocabulary.wordEnd.count) : token[...])
                if isWordEnd { bytes.append(UInt8(ascii: " ")) }
            }
        }
        if bytes.last == UInt8(ascii: " ") { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: Textual inversion

    /// Adds a placeholder, a string that stands for `vectors` tokens of its own (Gal et al. 2023, "An image is worth
    /// one word"): from now on `token` in a text gives all of them in their order, and `token_1`, `token_2`, ... the
    /// second, the third, as diffusers names them. As in transformers it is found in any case, and also within a word.
    ///
    /// - Returns: the numbers of the new tokens, behind all others: rows of the text encoder's table must follow them.
    /// - Throws: `invalid` for a placeholder that is a token already, is empty, or has white space or no vectors.
    public mutating func add(placeholder token: String, vectors: Int) throws(Problem) -> Range<Int> {
        guard vectors >= 1 else {
            throw Problem(.invalid, "the placeholder \"\(token.prefix(60))\" has no vectors")
        }
        guard !token.isEmpty, !token.unicodeScalars.contains(where: { $0.kind == .space }) else {
            throw Problem(
                .invalid, "\"\(token.prefix(60))\" cannot be a placeholder: it is empty or has white space",
                remedy: "Give it a name such as <toy>.")
        }
        let ids = vocabularySize..<vocabularySize + vectors
        let names = [token] + (1..<max(1, vectors)).map { "\(token)_\($0)" }
        for name in names where isToken(name) {
            throw Problem(
                .invalid, "the placeholder \"\(name.prefix(60))\" is a token already", remedy: "Give it another name.")
        }
        for (number, name) in names.enumerated() {
            furtherTokens[ids.lowerBound + number] = name
            insert(name, isNormalized: true, ids: number == 0 ? Array(ids) : [ids.lowerBound + number])
        }
        vocabularySize = ids.upperBound
        return ids
    }

    private func isToken(_ name: String) -> Bool {
        let scalars = Array(name.unicodeScalars)
        return vocabulary[name] != nil || literals.contains(scalars)
            || normalizedLiterals.contains(CLIPWords.normalized(scalars))
    }
}
