internal import Problems

/// Reads weights as `parse_prompt_attention` of AUTOMATIC1111's web UI does.
struct WeightedPromptParser {
    private let text: [Unicode.Scalar]
    private var at = 0
    private var items: [Item] = []
    /// Where the items of each bracket that is open begin.
    private var round: [Int] = []
    private var square: [Int] = []
    private var schedules = PromptSchedules()

    private enum Item {
        case fragment(String, weight: Double)
        /// `BREAK`.
        case end
    }

    private static let step = 1.1
    private static let largestWeight = 100.0

    init(_ text: String) { self.text = Array(text.unicodeScalars) }

    /// The fragments between `BREAK`s.
    mutating func parts() throws(Problem) -> [[Prompt.Fragment]] {
        if let word = text[...].firstWord("AND") { throw unsupported(.composition, at: word.lowerBound) }
        while at < text.count { try readNext() }
        for first in round { multiply(from: first, by: Self.step) }
        for first in square { multiply(from: first, by: 1 / Self.step) }
        return try merged()
    }

    private mutating func readNext() throws(Problem) {
        switch text[at] {
        case "\\":
            readBackslash()
        case "(":
            round.append(items.count)
            schedules.open(round: true, at: at)
            at += 1
        case "[":
            square.append(items.count)
            schedules.open(round: false, at: at)
            at += 1
        case ")":
            schedules.closeRound()
            close(round.popLast(), by: Self.step)
        case "]":
            if let (kind, place) = schedules.closeSquare(at: at, of: text) { throw unsupported(kind, at: place) }
            close(square.popLast(), by: 1 / Self.step)
        case ":":
            if !round.isEmpty, let (weight, end) = try weight() {
                schedules.closeRound()
                multiply(from: round.removeLast(), by: weight)
                at = end
            } else {
                schedules.note(at..<at + 1, of: text)
                readLiteral(to: at + 1)
            }
        default:
            let end = text[at...].firstIndex { "\\()[]:".unicodeScalars.contains($0) } ?? text.count
            schedules.note(at..<end, of: text)
            readLiteral(to: end)
        }
    }

    /// Before a bracket or a backslash it is left out and that is a character; before others it is only left out.
    private mutating func readBackslash() {
        let isEscape = at + 1 < text.count && "()[]\\".unicodeScalars.contains(text[at + 1])
        items.append(.fragment(isEscape ? String(scalars: [text[at + 1]]) : "", weight: 1))
        at += isEscape ? 2 : 1
    }

    /// - Parameter first: the first item of the bracket that ends; nil for one that was not opened.
    private mutating func close(_ first: Int?, by factor: Double) {
        guard let first else { return readLiteral(to: at + 1) }
        multiply(from: first, by: factor)
        at += 1
    }

    private mutating func multiply(from first: Int, by factor: Double) {
        for index in first..<items.count {
            if case .fragment(let text, let weight) = items[index] {
                items[index] = .fragment(text, weight: weight * factor)
            }
        }
    }

    /// A colon, a number and a closing bracket, with or without white space between.
    private func weight() throws(Problem) -> (weight: Double, end: Int)? {
        func afterSpace(_ index: Int) -> Int { text[index...].firstIndex { !$0.properties.isWhitespace } ?? text.count }
        let first = afterSpace(at + 1)
        let digits = first < text.count && "+-".unicodeScalars.contains(text[first]) ? first + 1 : first
        let last = text[digits...].firstIndex { !".0123456789".unicodeScalars.contains($0) } ?? text.count
        let end = afterSpace(last)
        guard last > digits, end < text.count, text[end] == ")" else { return nil }
        let number = String(scalars: text[first..<last])
        guard let weight = Double(number) else {
            throw Problem(
                .invalid,
                "the weight \"\(number.prefix(40))\" at character \(character(first)) of the prompt is no number",
                remedy: "Write a number such as 1.2.")
        }
        return (weight, end + 1)
    }

    private mutating func readLiteral(to end: Int) {
        for (index, part) in text[at..<end].betweenBreaks.enumerated() {
            if index > 0 { items.append(.end) }
            items.append(.fragment(String(scalars: part), weight: 1))
        }
        at = end
    }

    /// Neighbours of equal weight become one fragment; then those without text go.
    private func merged() throws(Problem) -> [[Prompt.Fragment]] {
        var parts: [[(text: String, weight: Double)]] = []
        var part: [(text: String, weight: Double)] = []
        for item in items {
            switch item {
            case .end:
                parts.append(part)
                part = []
            case .fragment(let text, let weight):
                if let last = part.last, last.weight == weight {
                    part[part.count - 1].text += text
                } else {
                    part.append((text, weight))
                }
            }
        }
        parts.append(part)
        // Not a number is beyond it too.
        if let beyond = parts.joined().first(where: { !(abs($0.weight) <= Self.largestWeight) }) {
            throw Problem(
                .invalid, "\"\(beyond.text.prefix(60))\" in the prompt has the weight \(beyond.weight)",
                remedy: "Give weights from -\(Self.largestWeight) to \(Self.largestWeight).")
        }
        return parts.map { part in
            part.filter { !$0.text.isEmpty }.map { Prompt.Fragment($0.text, weight: Float($0.weight)) }
        }
    }

    private func unsupported(_ kind: PromptSchedules.Kind, at index: Int) -> Problem {
        Problem(
            .unsupported,
            "the prompt \(kind.rawValue) at character \(character(index)): \"\(String(scalars: text[index...].prefix(40)))\"",
            remedy: kind.remedy)
    }

    /// The place of a scalar as people count: in characters, from 1.
    private func character(_ index: Int) -> Int { String(scalars: text[..<index]).count + 1 }
}

extension ArraySlice<Unicode.Scalar> {
    /// The parts of a text between `BREAK`s, without the white space around these.
    fileprivate var betweenBreaks: [ArraySlice<Unicode.Scalar>] {
        var parts: [ArraySlice<Unicode.Scalar>] = []
        var rest = self
        while let word = rest.firstWord("BREAK") {
            let front = rest[..<word.lowerBound]
            parts.append(front[..<(front.lastIndex { !$0.properties.isWhitespace }.map { $0 + 1 } ?? front.startIndex)])
            rest = rest[word.upperBound...].drop { $0.properties.isWhitespace }
        }
        return parts + [rest]
    }

    /// Where `word` first stands by itself.
    fileprivate func firstWord(_ word: String) -> Range<Int>? {
        let letters = Array<Unicode.Scalar>(word.unicodeScalars)
        guard count >= letters.count else { return nil }
        return (startIndex...endIndex - letters.count).lazy.map { $0..<$0 + letters.count }.first { range in
            self[range].elementsEqual(letters)
                && (range.lowerBound == startIndex || !self[range.lowerBound - 1].isOfWord)
                && (range.upperBound == endIndex || !self[range.upperBound].isOfWord)
        }
    }
}
