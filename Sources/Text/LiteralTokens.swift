/// Strings that stand for tokens wherever they occur in a text: the first place counts, and there the longest string.
struct LiteralTokens: Sendable {
    enum Piece {
        case text([Unicode.Scalar])
        case tokens([Int])
    }

    /// By their first character, the longest first.
    private var literals: [Unicode.Scalar: [(content: [Unicode.Scalar], ids: [Int])]] = [:]

    /// - Parameter content: not empty, and not there yet.
    mutating func insert(_ content: [Unicode.Scalar], ids: [Int]) {
        guard let first = content.first else { preconditionFailure("a token of no characters is everywhere") }
        literals[first, default: []].append((content, ids))
        literals[first]?.sort { $0.content.count > $1.content.count }
    }

    func contains(_ content: [Unicode.Scalar]) -> Bool {
        content.first.flatMap { literals[$0] }?.contains { $0.content == content } ?? false
    }

    /// The pieces of a text in their order; none are empty.
    func split(_ text: [Unicode.Scalar]) -> [Piece] {
        var pieces: [Piece] = []
        var (start, at) = (0, 0)
        while at < text.count {
            guard let found = literals[text[at]]?.first(where: { text[at...].starts(with: $0.content) }) else {
                at += 1
                continue
            }
            if start < at { pieces.append(.text(Array(text[start..<at]))) }
            pieces.append(.tokens(found.ids))
            at += found.content.count
            start = at
        }
        if start < text.count { pieces.append(.text(Array(text[start...]))) }
        return pieces
    }
}
