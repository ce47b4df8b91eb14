/// The text rules of CLIP's tokenizer, as transformers' `CLIPTokenizer` has them.
enum CLIPWords {
    /// Composed, each run of white space one space, and each character in lower case by itself.
    static func normalized(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        var isInSpace = false
        for scalar in CanonicalComposition.unicode9(text) {
            let isSpace = scalar.kind == .space
            if !isSpace {
                if scalar.isASCII, scalar.kind != .letter {
                    result.append(scalar)
                } else {
                    result += scalar.properties.lowercaseMapping.unicodeScalars
                }
            } else if !isInSpace {
                result.append(" ")
            }
            isInSpace = isSpace
        }
        return result
    }

    /// The words of a normalized text as UTF-8: the special tokens' names, English contractions, runs of letters,
    /// single numbers, and runs of what is neither, nor white space.
    static func words(of text: [Unicode.Scalar]) -> [[UInt8]] {
        var words: [[UInt8]] = []
        var at = 0
        func take(_ end: Int) {
            words.append(Array(String(scalars: text[at..<end]).utf8))
            at = end
        }
        while at < text.count {
            if let parts = names.first(where: { text[at...].starts(with: $0.joined()) }) {
                for part in parts { take(at + part.count) }
            } else if let contraction = contractions.first(where: { text[at...].starts(with: $0) }) {
                take(at + contraction.count)
            } else {
                switch text[at].kind {
                case .space: at += 1
                case .number: take(at + 1)
                case let kind: take(text[at...].firstIndex { $0.kind != kind } ?? text.count)
                }
            }
        }
        return words
    }

    /// A word of their own by the first of the two patterns that split texts, and three by the second.
    private static let names = ["startoftext", "endoftext"].map { name in
        ["<|", name, "|>"].map { Array($0.unicodeScalars) }
    }

    private static let contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map { Array($0.unicodeScalars) }
}
