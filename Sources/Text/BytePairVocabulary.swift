internal import Problems

/// Tokens of bytes and of pairs of tokens (Sennrich et al. 2016, "Neural machine translation of rare words with subword
/// units"), where those that end a word end in `</w>`.
struct BytePairVocabulary: Sendable {
    static let wordEnd = "</w>"

    /// By their number.
    let tokens: [String]
    private let numbers: [String: Int]
    /// The token of each byte within a word, and at its end.
    private let inner: [Int]
    private let last: [Int]
    private let merges: [Pair: Merge]

    struct Pair: Hashable {
        var left: Int
        var right: Int
    }

    /// A join that is possible within a word; the first of the list of merges comes first, and of equals the leftmost.
    private struct Step: Comparable {
        let rank: Int
        /// Of the left part.
        let place: Int
        let token: Int

        static func < (a: Step, b: Step) -> Bool { (a.rank, a.place) < (b.rank, b.place) }
    }

    private struct Merge {
        /// The place in the list: what is first there is joined first.
        var rank: Int
        var token: Int
    }

    /// - Parameters:
    ///   - numbers: of the tokens, from 0 without gaps.
    ///   - merges: pairs of tokens, by rank.
    ///   - unknown: the token for bytes that have none.
    /// - Throws: `corrupt` for numbers with gaps, and for merges of or to what is no token.
    init(_ numbers: [String: Int], merges: [(left: String, right: String)], unknown: String) throws(Problem) {
        guard let unknown = numbers[unknown] else {
            throw Problem(.corrupt, "the vocabulary lacks its token for the unknown, \"\(unknown.prefix(60))\"")
        }
        var tokens = [String?](repeating: nil, count: numbers.count)
        for (token, number) in numbers {
            guard tokens.indices.contains(number), tokens[number] == nil else {
                throw Problem(
                    .corrupt,
                    "the token \"\(token.prefix(60))\" has the number \(number), twice or beyond the \(tokens.count) tokens"
                )
            }
            tokens[number] = token
        }
        self.tokens = tokens.compactMap(\.self)
        self.numbers = numbers
        inner = ByteSymbols.symbols.map { numbers[String($0)] ?? unknown }
        last = ByteSymbols.symbols.map { numbers[String($0) + Self.wordEnd] ?? unknown }
        var table: [Pair: Merge] = [:]
        table.reserveCapacity(merges.count)
        for (rank, merge) in merges.enumerated() {
            guard let left = numbers[merge.left], let right = numbers[merge.right],
                let joined = numbers[merge.left + merge.right]
            else {
                let text = "\(merge.left.prefix(60)) \(merge.right.prefix(60))"
                throw Problem(.corrupt, "merge \(rank + 1), \"\(text)\", is not of tokens of the vocabulary")
            }
            table[Pair(left: left, right: right)] = Merge(rank: rank, token: joined)
        }
        self.merges = table
    }

    subscript(token: String) -> Int? { numbers[token] }

    /// The tokens of a word, which is not empty.
    func ids(of word: [UInt8]) -> [Int] {
        var parts = Parts(
            word.dropLast().map { inner[Int(clamping: $0)] } + word.suffix(1).map { last[Int(clamping: $0)] })
        var queue = MergeQueue<Step>()
        func enqueue(_ left: Int) {
            guard let merge = merge(at: left, of: parts) else { return }
            queue.push(Step(rank: merge.rank, place: left, token: merge.token))
        }
        for left in parts.tokens.indices { enqueue(left) }
        while let step = queue.pop() {
            // What was queued earlier may have been joined otherwise since.
            guard let merge = merge(at: step.place, of: parts), merge.token == step.token else { continue }
            parts.join(at: step.place, to: step.token)
            if let before = parts.previous[step.place] { enqueue(before) }
            enqueue(step.place)
        }
        return parts.remaining
    }

    /// The merge of the part that begins at `left` with the one behind it.
    private func merge(at left: Int, of parts: Parts) -> Merge? {
        guard parts.isPresent[left], let right = parts.next[left] else { return nil }
        return merges[Pair(left: parts.tokens[left], right: parts.tokens[right])]
    }
}

/// The tokens of a word while they are joined, as a list in both directions.
private struct Parts {
    private(set) var tokens: [Int]
    private(set) var isPresent: [Bool]
    private(set) var previous: [Int?]
    private(set) var next: [Int?]

    init(_ tokens: [Int]) {
        self.tokens = tokens
        isPresent = tokens.map { _ in true }
        previous = tokens.indices.map { $0 == 0 ? nil : $0 - 1 }
        next = tokens.indices.map { $0 + 1 == tokens.count ? nil : $0 + 1 }
    }

    /// Joins the part at `left` with the one behind it, which there must be.
    mutating func join(at left: Int, to token: Int) {
        guard let right = next[left] else { return }
        tokens[left] = token
        isPresent[right] = false
        next[left] = next[right]
        if let behind = next[right] { previous[behind] = left }
    }

    var remaining: [Int] { tokens.indices.filter { isPresent[$0] }.map { tokens[$0] } }
}
