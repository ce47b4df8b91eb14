/// Notices, while a prompt is read, what AUTOMATIC1111's web UI would do with it beyond weights:
/// `get_learned_conditioning_prompt_schedules` and `get_multicond_prompt_list` of that program. Pictures would differ
/// silently if it were taken for text.
struct PromptSchedules {
    enum Kind: String {
        case composition = "composes pictures by AND"
        case schedule = "changes its words at a step, as in [a:b:0.5],"
        case alternation = "changes its words with each step, as in [a|b],"

        var remedy: String {
            switch self {
            case .composition: "Write the word in small letters if it is only a word; diffd does not compose pictures."
            case .schedule, .alternation:
                "Choose one of the words, or write \\[ and \\] for brackets; diffd keeps a prompt for all steps."
            }
        }
    }

    private struct Bracket {
        var isRound: Bool
        var place: Int
        /// The last colon that no inner bracket has.
        var colon: Int?
        /// Whether there is a bar that no inner bracket has.
        var hasBar = false
    }

    /// Those that are open.
    private var brackets: [Bracket] = []

    mutating func open(round isRound: Bool, at place: Int) {
        brackets.append(Bracket(isRound: isRound, place: place))
    }

    /// Colons and bars of a text without brackets. A backslash before one makes it a character.
    mutating func note(_ range: Range<Int>, of text: [Unicode.Scalar]) {
        guard !brackets.isEmpty else { return }
        for index in range where index == 0 || text[index - 1] != "\\" {
            if text[index] == ":" { brackets[brackets.count - 1].colon = index }
            if text[index] == "|" { brackets[brackets.count - 1].hasBar = true }
        }
    }

    mutating func closeRound() {
        if brackets.last?.isRound == true { brackets.removeLast() }
    }

    /// What the brackets that end at `end` hold other than a text with a weight, and where they begin.
    mutating func closeSquare(at end: Int, of text: [Unicode.Scalar]) -> (kind: Kind, place: Int)? {
        guard let bracket = brackets.last, !bracket.isRound else { return nil }
        brackets.removeLast()
        if bracket.hasBar { return (.alternation, bracket.place) }
        guard let colon = bracket.colon else { return nil }
        let number = text[(colon + 1)..<end].filter { !$0.properties.isWhitespace }
        let isNumber =
            number.allSatisfy { "+-.0123456789eE".unicodeScalars.contains($0) }
            && Double(String(scalars: number)) != nil
        return isNumber ? (.schedule, bracket.place) : nil
    }
}
