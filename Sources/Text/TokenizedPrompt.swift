/// What a text encoder is given at once: beginning, text, end and padding.
public struct TokenSequence: Sendable, Hashable {
    public var ids: [Int]
    /// How much each of the ids counts; 1 for all that is not of the text.
    public var weights: [Float]
    /// How many of the ids are in front of the padding.
    public var filled: Int
}

/// A prompt as tokens: one sequence, or several of the same length for a long one.
public struct TokenizedPrompt: Sendable, Hashable {
    /// What did not fit.
    public struct Excess: Sendable, Hashable {
        /// Tokens.
        public var count: Int
        /// What they stand for.
        public var text: String

        public init(count: Int, text: String) { (self.count, self.text) = (count, text) }
    }

    /// At least one.
    public var sequences: [TokenSequence]
    /// Tokens of the text, those that did not fit included.
    public var count: Int
    /// What was cut off; nil: nothing.
    public var excess: Excess?

    /// The same with empty sequences behind, up to `count`, so that it is as long as another prompt.
    public func extended(to count: Int, by tokenizer: some Tokenizer) -> TokenizedPrompt {
        guard let length = sequences.first?.ids.count, sequences.count < count else { return self }
        var copy = self
        copy.sequences += [TokenSequence](
            repeating: tokenizer.empty(length: length), count: count - sequences.count)
        return copy
    }
}
