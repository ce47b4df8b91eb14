public import Configurations
import Problems
public import StrictJSON

/// Trains a finished model further, or an adapter beside its weights, and publishes the result. Networks, configuration,
/// schedule and weights are the base model's.
public struct FineTuneJob: Described, Hashable {
    public var common = CommonOptions()
    public var baseModel = ModelReference.published("model")
    /// The middle of the names of its weights' files; nil: the plain files, or the only ones.
    public var variant: String?
    /// What the model predicts; nil: what its files say, or what is usual for its kind.
    public var predictionType: SchedulerConfiguration.PredictionType?
    /// Whose latents it learns; nil: of its own autoencoder, if it has one.
    public var autoencoder: ModelReference?
    /// Nil: the weights themselves learn.
    public var adapter: AdapterOptions?
    /// Patterns of the names of the parameters that learn; nil: all of the denoiser.
    public var parameters: [String]?
    /// Nil: nothing but the data set is learned.
    public var priorPreservation: PriorOptions?
    /// Nil: no new word.
    public var textualInversion: TextualInversionOptions?
    public var dataset = DatasetConfiguration.synthetic(SyntheticDatasetConfiguration())
    public var loss = LossConfiguration()
    /// Probability that a sample's caption is replaced by the empty one (Ho & Salimans 2022).
    public var captionDropoutProb = 0.1
    public var training = TrainingOptions()

    public init() {}

    /// Whether a train job's file is one of these.
    static func isMeant(by job: JSONNode) -> Bool { job["base_model"].map { !$0.isNull } ?? false }

    public static let fields: [Field<Self>] =
        CommonOptions.fields.map { $0.lifted(\.common) } + [
            Field(
                "base_model", \.baseModel, ModelReference.form,
                "The model that is trained further: a path with a /, \"job:ID\", \"job:NAME\", or the name of a published model. "
                    + "Networks, configuration, schedule and weights come from it.", required: true),
            Field(
                "variant", \.variant, .optional(.string(limit: 100)),
                "Which weights of its directory are taken, by the middle of their files' names; null: the plain ones, or the only ones."
            ),
            Field(
                "prediction_type", \.predictionType, .optional(.choice()),
                "What it predicts, for a single file that does not tell it; null: what its files say, or what is usual for its kind."
            ),
            Field(
                "autoencoder", \.autoencoder, .optional(ModelReference.form),
                "An autoencoder in the place of the model's own; null: its own, if it has one."),
            Field(
                "adapter", \.adapter, .optional(.object),
                "What is learned beside the model's weights, which stay as they are; null: the weights themselves learn."
            ),
            Field(
                "parameters", \.parameters, .optional(.list(.string(limit: 1000), count: 1...1000)),
                "Which of the denoiser's parameters learn: attention, feed_forward, convolution, or patterns of their names, in "
                    + "which * stands for any characters; null: all."),
            Field(
                "textual_inversion", \.textualInversion, .optional(.object),
                "A new word whose vectors are all that learns; null: none."),
            Field(
                "prior_preservation", \.priorPreservation, .optional(.object),
                "Pictures of a whole class that are learned beside the data set, so that the model keeps what it knew; null: none."
            ),
            Field("dataset", \.dataset, DatasetConfiguration.form, "What it learns.", required: true),
            Field("diffusion", \.loss, .object, "Loss. The noise schedule is the model's."),
            Field(
                "caption_dropout_prob", \.captionDropoutProb, .number(in: 0..<1),
                "Share of samples trained with the empty caption, for classifier-free guidance."),
            Field("training", \.training, .object, "How it is trained.", required: true),
        ]

    public mutating func complete(from node: JSONNode) {
        // A short training must not be hidden by its average.
        if !node.gives("training.ema_decay") { training.emaDecay = nil }
        completeValidation(from: node)
    }

    public func validate(_ checks: inout Checks) {
        let learning = [
            ("adapter", adapter != nil), ("textual_inversion", textualInversion != nil),
            ("parameters", parameters != nil),
        ].filter(\.1).map(\.0)
        if learning.count > 1 {
            checks.fail(
                learning[1], and: [learning[0]], "both \(learning[0]) and \(learning[1]) are given",
                remedy: "Keep one of them: each says all that learns.")
        }
        if adapter != nil || textualInversion != nil, training.saveRawWeights {
            checks.fail(
                "training.save_raw_weights", and: ["adapter", "textual_inversion"],
                "what is learned beside a model is published in one form only", remedy: "Remove save_raw_weights.")
        } else if training.saveRawWeights, training.emaDecay == nil {
            checks.fail(
                "training.save_raw_weights", and: ["training.ema_decay"],
                "without ema_decay the published weights are the raw ones",
                remedy: "Set ema_decay, or remove save_raw_weights.")
        }
        dataset.checkValidation(training, &checks)
    }
}

extension FineTuneJob: TrainingJob {
    public var spec: JobSpec { .fineTune(self) }
}
