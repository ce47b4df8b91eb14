/// What turns a text into tokens, the numbers by which a text encoder knows the entries of a vocabulary.
public protocol Tokenizer: Sendable {
    /// Every token is below it.
    var vocabularySize: Int { get }
    /// The token in front of a text; nil where there is none.
    var beginning: Int? { get }
    /// The token behind a text.
    var end: Int { get }
    /// The token that fills a sequence up behind its end.
    var padding: Int { get }
    /// How long a sequence is, with its beginning and end; nil where the files leave that to the encoder.
    var maximumLength: Int? { get }

    /// The tokens of a text, without beginning and end.
    func ids(of text: String) -> [Int]
    /// What tokens stand for, to tell people: the text as the tokenizer normalized it, with its own spaces.
    func text(of ids: some Sequence<Int>) -> String
}

extension Tokenizer {
    /// A prompt in one sequence of exactly `length` tokens; its end is cut off where it is longer.
    ///
    /// - Parameter length: at least 3.
    public func truncated(_ prompt: Prompt, to length: Int) -> TokenizedPrompt {
        let tokens = prompt.parts.flatMap(tokens(of:))
        let rest = tokens.dropFirst(room(in: length))
        return TokenizedPrompt(
            sequences: [sequence(tokens.prefix(room(in: length)), length: length)], count: tokens.count,
            excess: rest.isEmpty ? nil : .init(count: rest.count, text: text(of: rest.map(\.id))))
    }

    /// A prompt in as many sequences of exactly `length` tokens as it takes, each with a beginning and an end of its
    /// own. `BREAK` in the prompt ends one.
    ///
    /// AUTOMATIC1111's web UI does the same, but where a comma is among the last 20 tokens of a sequence it ends it
    /// there.
    ///
    /// - Parameter length: at least 3.
    public func chunks(of prompt: Prompt, length: Int) -> TokenizedPrompt {
        let room = room(in: length)
        var chunks: [TokenSequence] = []
        var open: [WeightedToken] = []
        var count = 0
        func close() {
            chunks.append(sequence(open, length: length))
            open = []
        }
        for (index, part) in prompt.parts.enumerated() {
            if index > 0 { close() }
            for token in tokens(of: part) {
                open.append(token)
                count += 1
                if open.count == room { close() }
            }
        }
        if !open.isEmpty || chunks.isEmpty { close() }
        return TokenizedPrompt(sequences: chunks, count: count, excess: nil)
    }

    /// A sequence without a text.
    ///
    /// - Parameter length: at least 3.
    public func empty(length: Int) -> TokenSequence { sequence([], length: length) }

    private typealias WeightedToken = (id: Int, weight: Float)

    /// Fragments are tokenized one by one: a word ends where its weight does.
    private func tokens(of part: [Prompt.Fragment]) -> [WeightedToken] {
        part.flatMap { fragment in ids(of: fragment.text).map { ($0, fragment.weight) } }
    }

    /// How many tokens of a text a sequence of `length` has room for.
    private func room(in length: Int) -> Int {
        precondition(length >= 3, "a sequence of \(length) has no room for a text")
        return length - (beginning == nil ? 1 : 2)
    }

    private func sequence(_ text: some Collection<WeightedToken>, length: Int) -> TokenSequence {
        let front = beginning.map { [$0] } ?? []
        let framed = front + text.map(\.id) + [end]
        let weights = front.map { _ in 1 } + text.map(\.weight)
        return TokenSequence(
            ids: framed + [Int](repeating: padding, count: length - framed.count),
            weights: weights + [Float](repeating: 1, count: length - weights.count), filled: framed.count)
    }
}
