public import StrictJSON

/// The `prior_preservation` of a fine-tuning: pictures of a whole class are learned beside those of one thing, so that the
/// model keeps what it knew (Ruiz et al. 2023, "DreamBooth", equation 2).
public struct PriorOptions: Described, Hashable {
    /// A directory of pictures of the class; nil: all are drawn.
    public var path: String?
    /// What the pictures show.
    public var prompt = ""
    /// Of their loss, beside the other one.
    public var weight = 1.0
    /// Pictures at least: the base model draws those that lack, before the training.
    public var count = 200

    public init() {}

    public static let fields: [Field<Self>] = [
        Field("path", \.path, .optional(.string()), "A directory of pictures of the class; null: all are drawn."),
        Field(
            "prompt", \.prompt, .string(limit: 1000), "What the pictures show, such as \"a photo of a dog\".",
            required: true),
        Field("weight", \.weight, .number(above: 0, upTo: 1000), "Weight of their loss beside the other one."),
        Field(
            "count", \.count, .integer(in: 1...100_000),
            "Pictures at least; the base model draws those that lack before the training."),
    ]
}
