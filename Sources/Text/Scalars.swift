extension String {
    init(scalars: some Sequence<Unicode.Scalar>) {
        var view = UnicodeScalarView()
        view.append(contentsOf: scalars)
        self.init(view)
    }
}

extension Unicode.Scalar {
    /// What regular expressions know it as.
    enum Kind {
        /// `\p{L}`.
        case letter
        /// `\p{N}`.
        case number
        /// `\s`.
        case space
        case other
    }

    /// By Unicode 16, as the reference has it: characters of later versions are others.
    var kind: Kind {
        if value < 0x80 { return asciiKind }
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            return isKnown(toUnicode: 16) ? .letter : .other
        case .decimalNumber, .letterNumber, .otherNumber: return isKnown(toUnicode: 16) ? .number : .other
        default: return properties.isWhitespace ? .space : .other
        }
    }

    private var asciiKind: Kind {
        switch self {
        case "a"..."z", "A"..."Z": .letter
        case "0"..."9": .number
        case "\t"..."\r", " ": .space
        default: .other
        }
    }

    /// `\w`: letters, numbers and the underscore.
    var isOfWord: Bool { kind == .letter || kind == .number || self == "_" }

    /// Whether a version of Unicode has the character.
    func isKnown(toUnicode version: Int) -> Bool { properties.age.map { $0.major <= version } ?? false }
}
