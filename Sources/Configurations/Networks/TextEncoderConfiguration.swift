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
    /// What keeps it from reading the sequences of a tokenizer.
    ///
    /// - Parameters:
    ///   - tokens: the tokenizer's vocabulary, without placeholders that were added to it.
    ///   - length: of its sequences; nil where it leaves that to the encoder.
    public func misfit(withVocabulary tokens: Int, length: Int?) -> Misfit? {
        if tokens > vocabularySize {
            return Misfit(
                "vocab_size", "the tokenizer has \(tokens) tokens, but the text encoder knows \(vocabularySize)",
                remedy: "Both must come from the same model.")
        }
        if let length, let maximumLength, length > maximumLength {
            return Misfit(
                "max_position_embeddings",
                "the tokenizer makes sequences of \(length) tokens, but the text encoder reads \(maximumLength)",
                remedy: "Both must come from the same model.")
        }
        return nil
    }
}
