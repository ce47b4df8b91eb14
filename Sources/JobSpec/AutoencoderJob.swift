public import Configurations
import Problems
public import StrictJSON

/// Trains an autoencoder, the first stage of latent diffusion, on a data set of pictures and publishes it.
public struct AutoencoderJob: Described, Hashable {
    public var common = CommonOptions()
    public var model = AutoencoderKLConfiguration()
    public var dataset = DatasetConfiguration.synthetic(SyntheticDatasetConfiguration())
    public var reconstruction = ReconstructionOptions()
    public var training = TrainingOptions()

    public init() {}

    /// Whether a train job's file is one of these.
    static func isMeant(by job: JSONNode) -> Bool {
        !FineTuneJob.isMeant(by: job)
            && job["model"]?["architecture"]?.string == AutoencoderKLConfiguration.architecture
    }

    public static let fields: [Field<Self>] =
        CommonOptions.fields.map { $0.lifted(\.common) } + [
            Field("model", \.model, AutoencoderKLConfiguration.form, "The autoencoder.", required: true),
            Field("dataset", \.dataset, DatasetConfiguration.form, "The pictures that it learns.", required: true),
            Field("reconstruction", \.reconstruction, .object, "What is minimized."),
            Field("training", \.training, .object, "How it is trained.", required: true),
        ]

    /// Sizes given only once hold for model and data.
    public mutating func complete(from node: JSONNode) {
        if !node.gives("model.sample_size"), let side = dataset.images?.resolution {
            model.sampleSize = ImageSize(side)
        }
        dataset.completeImages(model.sampleSize, channels: model.inChannels)
        completeValidation(from: node)
    }

    public func validate(_ checks: inout Checks) {
        guard let images = dataset.images else {
            return checks.fail(
                "dataset.format", and: ["dataset.name"], "an autoencoder learns images, but the data set holds points",
                remedy: "Use a data set of images.")
        }
        if dataset.holdsClips {
            checks.fail(
                "dataset.format", and: ["dataset.name"], "an autoencoder learns images, but the data set holds videos",
                remedy: "Use a data set of images.")
        }
        checkSize(images, &checks)
        if model.inChannels != 1, model.inChannels != 3 {
            checks.fail(
                "model.in_channels",
                "model.in_channels is \(model.inChannels), but images have 1 channel (grey) or 3 (RGB)",
                remedy: "Set it to 1 or 3.")
        } else if let given = images.channels, given != model.inChannels {
            checks.fail(
                "dataset.channels", and: ["model.in_channels"],
                "dataset.channels is \(given) but model.in_channels is \(model.inChannels)",
                remedy: "Make them equal, or leave dataset.channels out.")
        }
        if model.outChannels != model.inChannels {
            checks.fail(
                "model.out_channels", and: ["model.in_channels"],
                "model.out_channels is \(model.outChannels) but model.in_channels is \(model.inChannels)",
                remedy: "Make them equal: what comes out is compared with what goes in.")
        }
        let usual = AutoencoderKLConfiguration()
        for (key, isSet) in [
            ("scaling_factor", model.scalingFactor != usual.scalingFactor), ("shift_factor", model.shiftFactor != nil),
            ("latents_mean", model.latentsMean != nil), ("latents_std", model.latentsStd != nil),
        ] where isSet {
            checks.fail(
                "model.\(key)", "the scale of the latents is not known before the training",
                remedy: "Remove model.\(key): scaling_factor is found from the data at the end.")
        }
        if training.classDropoutProb > 0 {
            checks.fail(
                "training.class_dropout_prob", "an autoencoder is told no classes", remedy: "Remove it.")
        }
        dataset.checkValidation(training, &checks)
        checkUnreadText(&checks)
    }

    private func checkSize(_ images: ImageOptions, _ checks: inout Checks) {
        let size = model.sampleSize
        if size.height != size.width {
            checks.fail(
                "model.sample_size", "model.sample_size is \(size), but data sets give square samples",
                remedy: "Give one number.")
        } else if let resolution = images.resolution, resolution != size.height {
            checks.fail(
                "dataset.resolution", and: ["model.sample_size"],
                "dataset.resolution is \(resolution) but model.sample_size is \(size.height)",
                remedy: "Make them equal, or leave one out.")
        } else if size.height % model.downsampling != 0 {
            checks.fail(
                "dataset.resolution", and: ["model.sample_size", "model.block_out_channels"],
                "pictures of \(size) cannot be halved \(model.blockOutChannels.count - 1) times",
                remedy: "Use a multiple of \(model.downsampling), or fewer block_out_channels.")
        }
        training.checkBatch(of: size, model.inChannels, &checks)
    }
}
