import Problems
public import StrictJSON

/// The `textual_inversion` of a fine-tuning: a new word whose vectors are all that learns (Gal et al. 2023, "An image is worth
/// one word").
public struct TextualInversionOptions: Described, Hashable {
    /// Stands for the vectors in captions and prompts.
    public var token = ""
    /// What the vectors begin as: a word that is one token.
    public var initializer = ""
    /// How many vectors stand for it.
    public var vectors = 1

    public init() {}

    public static let fields: [Field<Self>] = [
        Field(
            "token", \.token, .string(limit: 100), "The new word, which captions hold, such as \"<toy>\".",
            required: true),
        Field(
            "initializer", \.initializer, .string(limit: 100),
            "A word of one token of the model's vocabulary: what the new one means at first.", required: true),
        Field("vectors", \.vectors, .integer(in: 1...75), "How many tokens' vectors the new word has."),
    ]

    public func validate(_ checks: inout Checks) {
        guard token.contains(where: { $0.isWhitespace || $0 == "/" }) || token.hasPrefix(".") else { return }
        checks.fail(
            "token", "the word has white space or a slash, or begins with a dot",
            remedy: "Give it a name such as <toy>.")
    }
}
