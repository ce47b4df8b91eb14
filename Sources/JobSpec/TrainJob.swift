public import Configurations
public import StrictJSON

/// Trains a model on a data set and publishes it.
public struct TrainJob: Described, Hashable {
    public var common = CommonOptions()
    public var model = ModelConfiguration(MLPConfiguration())
    public var dataset = DatasetConfiguration.synthetic(SyntheticDatasetConfiguration())
    /// Whose latents the network learns, in the place of the pictures.
    public var autoencoder: ModelReference?
    /// What reads captions; nil for a network without text.
    public var textEncoder: TextEncoderChoice?
    /// Probability that a sample's caption is replaced by the empty one (Ho & Salimans 2022).
    public var captionDropoutProb = 0.1
    public var diffusion = DiffusionOptions()
    public var training = TrainingOptions()

    public init() {}

    /// Whether a train job's file is one of these.
    static func isMeant(by job: JSONNode) -> Bool {
        !FineTuneJob.isMeant(by: job) && !AutoencoderJob.isMeant(by: job)
    }

    public static let fields: [Field<Self>] =
        CommonOptions.fields.map { $0.lifted(\.common) } + [
            Field("model", \.model, ModelConfiguration.form, "The network.", required: true),
            Field("dataset", \.dataset, DatasetConfiguration.form, "What it learns.", required: true),
            Field(
                "autoencoder", \.autoencoder, .optional(ModelReference.form),
                "The autoencoder, or a model that has one, whose latents the network learns; null: pictures or points as they are."
            ),
            Field(
                "text_encoder", \.textEncoder, .optional(TextEncoderChoice.form),
                "What reads captions, for unet2d_condition: a model whose text encoder stays as it is, or the architecture "
                    + "text_transformer, which is trained together with the network; null: nothing."),
            Field(
                "caption_dropout_prob", \.captionDropoutProb, .number(in: 0..<1),
                "Share of samples trained with the empty caption, for classifier-free guidance."),
            Field("diffusion", \.diffusion, .object, "Noise schedule and loss."),
            Field("training", \.training, .object, "How it is trained.", required: true),
        ]

    /// Sizes given only once hold for model and data; points are sampled as minidiffusion does.
    public mutating func complete(from node: JSONNode) {
        if case .point = model.sampleShape {
            // Standardized points reach beyond [-1, 1], and minidiffusion's reverse step has variance beta_t.
            if !node.gives("diffusion.clip_sample") { diffusion.scheduler.clipSample = false }
            if !node.gives("diffusion.variance_type") { diffusion.scheduler.varianceType = .fixedLarge }
        }
        let learnsVariance = diffusion.scheduler.varianceType == .learnedRange
        model.network.complete(
            for: TrainingTraits(
                // With an autoencoder the size counts latents.
                side: autoencoder == nil ? dataset.images?.resolution : nil, frames: dataset.frames,
                learnsVariance: learnsVariance, dropsConditions: training.classDropoutProb > 0,
                textWidth: textEncoder?.width),
            from: node["model"] ?? JSONNode(.object([])))
        if let clips = model.clips { dataset.frames = dataset.frames ?? clips.sampleFrames }
        if autoencoder == nil {
            completeImages()
        } else if !node.gives("diffusion.clip_sample") {
            // Latents reach beyond [-1, 1].
            diffusion.scheduler.clipSample = false
        }
        if model.classConditioning.nullClass != nil, !node.gives("training.class_dropout_prob") {
            training.classDropoutProb = 0.1
        }
        completeValidation(from: node)
    }

    private mutating func completeImages() {
        if let (size, channels) = model.sampleShape?.frame { dataset.completeImages(size, channels: channels) }
    }
}
