/// Learns from the words of texts which pairs of tokens to join (Sennrich et al. 2016, "Neural machine translation of
/// rare words with subword units", algorithm 1).
///
/// A join changes only the words that have its pair, and a queue has the most frequent pair, so that the time is little
/// more than that of counting the words.
struct MergeLearner {
    typealias Pair = BytePairVocabulary.Pair

    /// By their number.
    private var tokens: [String]
    /// All different.
    private var words: [(tokens: [Int], count: Int)]
    private var counts: [Pair: Int] = [:]
    /// The words that have a pair, or had it once.
    private var places: [Pair: Set<Int>] = [:]
    private var queue = MergeQueue<Candidate>()

    /// A pair with its count when it was queued.
    private struct Candidate: Comparable {
        let count: Int
        let pair: Pair

        static func < (a: Candidate, b: Candidate) -> Bool {
            (-a.count, a.pair.left, a.pair.right) < (-b.count, b.pair.left, b.pair.right)
        }
    }

    /// - Parameters:
    ///   - words: as tokens, and how often each occurs.
    ///   - tokens: what is there before any join.
    init(_ words: some Sequence<(tokens: [Int], count: Int)>, tokens: [String]) {
        self.tokens = tokens
        self.words = Array(words)
        var pairs: Set<Pair> = []
        for place in self.words.indices { pairs.formUnion(count(place, sign: 1)) }
        enqueue(pairs)
    }

    /// The pairs that are joined, in this order: each the most frequent one of its time, of equals the one whose left,
    /// then right token is older; until there are `size` tokens, or no pair occurs twice.
    mutating func merges(upTo size: Int) -> [(left: String, right: String)] {
        var merges: [(left: String, right: String)] = []
        var known = Set(tokens)
        while tokens.count < size, let best = queue.pop() {
            // What was queued earlier may occur more or less often since.
            guard counts[best.pair] == best.count else { continue }
            let (left, right) = (tokens[best.pair.left], tokens[best.pair.right])
            // A token that there is already, of other parts, is made in one way only.
            guard known.insert(left + right).inserted else { continue }
            merges.append((left, right))
            tokens.append(left + right)
            join(best.pair, to: tokens.count - 1)
        }
        return merges
    }

    private mutating func join(_ pair: Pair, to token: Int) {
        var changed: Set<Pair> = []
        for place in places.removeValue(forKey: pair) ?? [] {
            changed.formUnion(count(place, sign: -1))
            words[place].tokens = Self.joined(words[place].tokens, pair, to: token)
            changed.formUnion(count(place, sign: 1))
        }
        enqueue(changed)
    }

    /// All places of the pair joined, from the left.
    private static func joined(_ word: [Int], _ pair: Pair, to token: Int) -> [Int] {
        var joined: [Int] = []
        var at = 0
        while at < word.count {
            let isPair = at + 1 < word.count && word[at] == pair.left && word[at + 1] == pair.right
            joined.append(isPair ? token : word[at])
            at += isPair ? 2 : 1
        }
        return joined
    }

    /// Adds the pairs of a word to the counts, or takes them away.
    ///
    /// - Returns: those pairs.
    private mutating func count(_ place: Int, sign: Int) -> Set<Pair> {
        let (word, count) = words[place]
        let pairs = zip(word, word.dropFirst()).map { Pair(left: $0, right: $1) }
        for pair in pairs {
            counts[pair, default: 0] += sign * count
            if sign > 0 { places[pair, default: []].insert(place) }
        }
        return Set(pairs)
    }

    private mutating func enqueue(_ pairs: Set<Pair>) {
        for pair in pairs {
            if let count = counts[pair], count >= 2 { queue.push(Candidate(count: count, pair: pair)) }
        }
    }
}
