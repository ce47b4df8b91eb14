public import Configurations
public import StrictJSON

/// Trains a model on a data set and publishes it.
public struct TrainJob: Described, Hashable {
    public var common = CommonOptions()
    public var model = ModelConfiguration.mlp(MLPConfiguration())
    public var dataset = DatasetConfiguration.synthetic(SyntheticDatasetConfiguration())
    /// Whose latents the network learns, in the place of the pictures.
    public var autoencoder: ModelReference?
    public var diffusion = DiffusionOptions()
    public var training = TrainingOptions()

    public init() {}

    public static let fields: [Field<Self>] =
        CommonOptions.fields.map { $0.lifted(\.common) } + [
            Field("model", \.model, ModelConfiguration.form, "The network.", required: true),
            Field("dataset", \.dataset, DatasetConfiguration.form, "What it learns.", required: true),
            Field(
                "autoencoder", \.autoencoder, .optional(ModelReference.form),
                "The autoencoder, or a model that has one, whose latents the network learns; null: pictures or points as they are."
            ),
            Field("diffusion", \.diffusion, .object, "Noise schedule and loss."),
            Field("training", \.training, .object, "How it is trained.", required: true),
        ]

    /// Sizes given only once hold for model and data; points are sampled as minidiffusion does.
    public mutating func complete(from node: JSONNode) {
        completeFrames(from: node)
        if autoencoder == nil {
            completeSizes(from: node)
        } else if !node.gives("diffusion.clip_sample") {
            // Latents reach beyond [-1, 1].
            diffusion.scheduler.clipSample = false
        }
        if case .mlp = model {
            // Standardized points reach beyond [-1, 1], and minidiffusion's reverse step has variance beta_t.
            if !node.gives("diffusion.clip_sample") { diffusion.scheduler.clipSample = false }
            if !node.gives("diffusion.variance_type") { diffusion.scheduler.varianceType = .fixedLarge }
        }
        if diffusion.scheduler.varianceType == .learnedRange, !node.gives("model.out_channels") {
            // The second half says the variance.
            switch model {
            case .unet2d(var unet):
                unet.outChannels = 2 * unet.inChannels
                model = .unet2d(unet)
            case .dit(var dit):
                dit.outChannels = 2 * dit.inChannels
                model = .dit(dit)
            case .mlp, .annotatedUNet, .videoDiT: break
            }
        }
        if training.classDropoutProb > 0, case .unet2d(var unet) = model, unet.numClassEmbeds ?? 0 > 1,
            !node.gives("model.null_class")
        {
            unet.nullClass = true
            model = .unet2d(unet)
        }
        if model.classConditioning.nullClass != nil, !node.gives("training.class_dropout_prob") {
            training.classDropoutProb = 0.1
        }
        if dataset.validationSplit != .none, !node.gives("training.validation_every") {
            training.validationEvery = training.checkpointEvery
        }
    }

    private mutating func completeFrames(from node: JSONNode) {
        guard case .videoDiT(var dit) = model else { return }
        if !node.gives("model.sample_frames"), let frames = dataset.frames { dit.sampleFrames = frames }
        model = .videoDiT(dit)
        dataset.frames = dataset.frames ?? dit.sampleFrames
    }

    private mutating func completeSizes(from node: JSONNode) {
        if case .unet2d(var unet) = model, unet.sampleSize == nil, let side = dataset.images?.resolution {
            unet.sampleSize = ImageSize(side)
            model = .unet2d(unet)
        }
        if case .dit(var dit) = model, !node.gives("model.sample_size"), let side = dataset.images?.resolution {
            dit.sampleSize = side
            model = .dit(dit)
        }
        if case .videoDiT(var dit) = model {
            if !node.gives("model.sample_size"), let side = dataset.images?.resolution { dit.sampleSize = side }
            model = .videoDiT(dit)
        }
        if let (size, channels) = model.sampleShape?.frame, var images = dataset.images {
            images.resolution = images.resolution ?? (size.height == size.width ? size.height : nil)
            images.channels = images.channels ?? (channels == 1 || channels == 3 ? channels : nil)
            dataset.images = images
        }
    }
}
