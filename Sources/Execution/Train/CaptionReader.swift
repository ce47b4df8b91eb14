internal import Checkpoints
internal import Configurations
internal import JobSpec
internal import Models
internal import NeuralNet
internal import Problems
internal import TensorCore
internal import Text

/// What reads the captions of a training from nothing: the text encoder of a finished model, which stays as it is, or one
/// that is trained too, with a vocabulary of the captions.
enum CaptionReader {
    /// With the SHA-256 of its weights.
    case frozen(Pipeline, TextParts, digest: String)
    case trained(TextParts, CLIPVocabulary)

    static let role = JobInput.Role.textEncoder

    /// - Parameter captions: of the data set.
    /// - Throws: what is wrong with the model, and where its tokens do not fit the network.
    init(
        _ choice: TextEncoderChoice, for model: ModelConfiguration, captions: [String], _ context: JobContext
    ) throws {
        switch choice {
        case .trained(let configuration):
            let vocabulary = CLIPVocabulary(
                learnedFrom: captions, size: configuration.vocabSize,
                maximumLength: configuration.maxPositionEmbeddings)
            let tokenizer = vocabulary.tokenizer
            context.log("a vocabulary of \(tokenizer.vocabularySize) tokens, from \(captions.count.of("caption"))")
            self = .trained(
                TextParts(training: configuration.network(vocabulary: tokenizer.vocabularySize), tokenizer), vocabulary)
        case .frozen(let reference):
            let pipeline = try context.open(reference, needsAutoencoder: false, as: Self.role)
            guard let text = pipeline.text, text.pipeline.family == .stableDiffusion else {
                throw Problem(
                    .unsupported, "the model has no text encoder of Stable Diffusion 1 or 2",
                    remedy: "Name one that has, or train a text_transformer.", file: pipeline.path,
                    path: Self.role.jsonPath)
            }
            let width = text.encoders[0].configuration.width
            guard width == model.contextWidth else {
                throw Problem(
                    .invalid,
                    "the text encoder's tokens are \(width) wide, but the network takes \(model.contextWidth ?? 0)",
                    remedy: "Set model.cross_attention_dim to \(width).", path: "$.model.cross_attention_dim")
            }
            let digest = try pointing(to: Self.role.jsonPath) { try text.encoders[0].weights().digest() }
            self = .frozen(pipeline, text, digest: digest)
        }
    }

    var text: TextParts {
        switch self {
        case .frozen(_, let text, _), .trained(let text, _): text
        }
    }

    /// What a saved state must belong to.
    var identity: String { if case .frozen(_, _, let digest) = self { digest } else { "trained" } }

    var isTrained: Bool { if case .trained = self { true } else { false } }

    /// - Parameter encoders: those that were trained.
    func published(_ encoders: [any TextEncoder]) -> PublishedText {
        switch self {
        case .frozen(let pipeline, let text, _): .copied(text.encoders[0], from: pipeline)
        case .trained(let text, let vocabulary): .trained(encoders[0], text.encoders[0], vocabulary)
        }
    }
}
