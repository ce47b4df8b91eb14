internal import CTextTables

/// Normalization form C (Unicode Standard Annex #15), by Unicode 9, as the reference has it: characters of later
/// versions stay as they are, and none are joined or moved across them.
struct CanonicalComposition: Sendable {
    static let unicode9 = CanonicalComposition(table: String(cString: ctext_canonical_decompositions()))

    private static let version = 9

    private var decompositions: [Unicode.Scalar: [Unicode.Scalar]] = [:]
    private var compositions: [Pair: Unicode.Scalar] = [:]

    private struct Pair: Hashable {
        var first: Unicode.Scalar
        var second: Unicode.Scalar
    }

    /// - Parameter table: see CTextTables.h.
    private init(table: String) {
        for line in table.split(separator: "\n") {
            let numbers = line.split(separator: " ").compactMap { UInt32($0, radix: 16).flatMap(Unicode.Scalar.init) }
            let parts = Array(numbers.dropFirst())
            decompositions[numbers[0]] = parts
            if !line.contains("=") { compositions[Pair(first: parts[0], second: parts[1])] = numbers[0] }
        }
    }

    func callAsFunction(_ text: [Unicode.Scalar]) -> [Unicode.Scalar] {
        // Nothing below is changed, and nothing below is joined.
        if text.allSatisfy({ $0.value < 0x300 }) { return text }
        var decomposed: [Unicode.Scalar] = []
        for scalar in text { decompose(scalar, into: &decomposed) }
        return composed(Self.ordered(decomposed.map { ($0, Self.combiningClass(of: $0)) }))
    }

    private typealias Classified = (scalar: Unicode.Scalar, class: UInt8)

    private static func combiningClass(of scalar: Unicode.Scalar) -> UInt8 {
        guard scalar.value >= 0x300, scalar.isKnown(toUnicode: version) else { return 0 }
        return scalar.properties.canonicalCombiningClass.rawValue
    }

    private func decompose(_ scalar: Unicode.Scalar, into result: inout [Unicode.Scalar]) {
        if let syllable = Hangul.parts(of: scalar) {
            result += syllable
        } else if let parts = decompositions[scalar] {
            for part in parts { decompose(part, into: &result) }
        } else {
            result.append(scalar)
        }
    }

    /// Marks that follow each other, by their classes.
    private static func ordered(_ text: [Classified]) -> [Classified] {
        var text = text
        var first = 0
        while first < text.count {
            guard text[first].class != 0 else {
                first += 1
                continue
            }
            let end = text[first...].firstIndex { $0.class == 0 } ?? text.count
            // Stable: marks of one class stay in their order.
            let marks = text[first..<end].enumerated().sorted {
                ($0.element.class, $0.offset) < ($1.element.class, $1.offset)
            }
            text.replaceSubrange(first..<end, with: marks.map(\.element))
            first = end
        }
        return text
    }

    /// Each character joined to the last starter, unless another of its class or a starter is between.
    private func composed(_ text: [Classified]) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        var starter: Int?
        /// Of what stands behind the starter; nil: nothing.
        var before: UInt8?
        for (scalar, own) in text {
            if let starter, before.map({ $0 < own }) ?? true, let joined = composition(result[starter], scalar) {
                result[starter] = joined
                continue
            }
            if own == 0 { starter = result.count }
            before = own == 0 ? nil : own
            result.append(scalar)
        }
        return result
    }

    private func composition(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
        Hangul.syllable(first, second) ?? compositions[Pair(first: first, second: second)]
    }
}

/// Korean syllables, which are numbered by their parts (the Unicode Standard, section 3.12).
private enum Hangul {
    private static let (syllables, leads, vowels, tails): (UInt32, UInt32, UInt32, UInt32) = (
        0xAC00, 0x1100, 0x1161, 0x11A7
    )
    private static let (leadCount, vowelCount, tailCount): (UInt32, UInt32, UInt32) = (19, 21, 28)
    private static let count = leadCount * vowelCount * tailCount

    static func parts(of scalar: Unicode.Scalar) -> [Unicode.Scalar]? {
        guard (syllables..<syllables + count).contains(scalar.value) else { return nil }
        let index = scalar.value - syllables
        let tail = index % tailCount
        let parts = [
            leads + index / (vowelCount * tailCount), vowels + index / tailCount % vowelCount,
            tail == 0 ? nil : tails + tail,
        ]
        return parts.compactMap { $0.flatMap(Unicode.Scalar.init) }
    }

    static func syllable(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
        let (a, b) = (first.value, second.value)
        if (leads..<leads + leadCount).contains(a), (vowels..<vowels + vowelCount).contains(b) {
            return Unicode.Scalar(syllables + ((a - leads) * vowelCount + b - vowels) * tailCount)
        }
        let isOpen = (syllables..<syllables + count).contains(a) && (a - syllables) % tailCount == 0
        return isOpen && (tails + 1..<tails + tailCount).contains(b) ? Unicode.Scalar(a + b - tails) : nil
    }
}
