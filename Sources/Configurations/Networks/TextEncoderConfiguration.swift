/// The configuration of a network that reads tokens: what sequences it takes, and what it makes of them.
public protocol TextEncoderConfiguration: NetworkConfiguration {
    /// Tokens that it has vectors for, `0..<vocabularySize`.
    var vocabularySize: Int { get }
    /// The longest sequence, with its beginning and end; nil: any.
    var maximumLength: Int? { get }
    /// Numbers that it makes of a token.
    var width: Int { get }
    /// Numbers that it makes of a whole sequence; nil where it makes none.
    var pooledWidth: Int? { get }
    /// Layers, of which the last may be left out.
    var layerCount: Int { get }
}

extension TextEncoderConfiguration {
    /// What keeps it from reading the tokens of a tokenizer.
    ///
    /// - Parameter tokens: the tokenizer's vocabulary, without placeholders that were added to it.
    public func misfit(withVocabulary tokens: Int) -> Misfit? {
        guard tokens > vocabularySize else { return nil }
        return Misfit(
            "vocab_size", "the tokenizer has \(tokens) tokens, but the text encoder knows \(vocabularySize)",
            remedy: "Both must come from the same model.")
    }
}
