public import Configurations
import Problems
public import StrictJSON

/// Measures a model by the bits per dimension that it needs for a data set, or pictures by their Frechet distance from others, or both.
public struct EvaluateJob: Described, Hashable {
    public var common = CommonOptions()
    /// What bits per dimension are measured of; nil: they are not.
    public var model: ModelReference?
    /// What they are measured on.
    public var dataset: DatasetConfiguration?
    /// Samples of the data set at most; nil: all.
    public var count: Int? = usualCount
    /// Timesteps at which each sample is measured; nil: all.
    public var timesteps: Int?
    /// What the Frechet distance is measured of; nil: it is not.
    public var samples: PicturesReference?
    /// What it is measured from; nil: only the statistics of `samples` are written.
    public var reference: PicturesReference?
    /// Weights of the network whose features are compared; nil: coarse pixels are.
    public var inception: String?
    /// Samples in one forward pass.
    public var batchSize = 8

    private static let usualCount = 256

    public init() {}

    public static let fields: [Field<Self>] =
        CommonOptions.fields.map { $0.lifted(\.common) } + [
            Field(
                "model", \.model, .optional(ModelReference.form),
                "The model whose bits per dimension are measured, named as in a sample job; null: they are not."),
            Field(
                "dataset", \.dataset, .optional(DatasetConfiguration.form),
                "The pictures that they are measured on, as in a train job: those held out, where validation_split keeps some."
            ),
            Field(
                "count", \.count, .optional(.integer(in: 1...10_000_000)),
                "How many of those pictures at most, chosen by seed; null: all."),
            Field(
                "timesteps", \.timesteps, .optional(.integer(in: 2...100_000)),
                "Timesteps at which each picture is measured, drawn evenly, so that the result is an estimate; null: all."
            ),
            Field(
                "samples", \.samples, .optional(PicturesReference.form),
                "Pictures whose Frechet distance is measured: a folder, \"job:ID\" or \"job:NAME\" for what a job has drawn, or "
                    + "an .npz file of statistics; null: it is not."),
            Field(
                "reference", \.reference, .optional(PicturesReference.form),
                "The pictures that they are compared with, in the same forms; null: only the statistics of samples are written."
            ),
            Field(
                "inception", \.inception, .optional(.string()),
                "Weights of pytorch-fid's InceptionV3 as safetensors, whose features are compared; null: means of 8x8 blocks."
            ),
            Field("batch_size", \.batchSize, .integer(in: 1...65536), "Pictures in one forward pass."),
        ]

    public func validate(_ checks: inout Checks) {
        dataset?.checkUnreadCaptions(&checks)
        if model == nil, samples == nil {
            checks.fail(
                "model", and: ["samples"], "there is nothing to measure",
                remedy:
                    "Give model and dataset for bits per dimension, samples and reference for a Frechet distance, or both."
            )
        }
        for (key, other, isAlone) in [
            ("model", "dataset", model != nil && dataset == nil), ("dataset", "model", dataset != nil && model == nil),
            ("reference", "samples", reference != nil && samples == nil),
            ("inception", "samples", inception != nil && samples == nil),
        ] where isAlone {
            checks.fail(
                key, and: [other], "\(key) has no meaning without \(other)", remedy: "Add \(other), or remove it.")
        }
        for (key, isSet) in [("timesteps", timesteps != nil), ("count", count != Self.usualCount)]
        where isSet && model == nil && dataset == nil {
            checks.fail(
                key, and: ["model", "dataset"], "\(key) is of bits per dimension, which are not measured",
                remedy: "Add model and dataset, or remove it.")
        }
        if let dataset, dataset.images == nil {
            checks.fail(
                "dataset.format", and: ["dataset.name"],
                "bits per dimension are of pictures of 256 levels, but the data set holds points",
                remedy: "Use a data set of images.")
        }
        if let inception, [".pth", ".pt", ".ckpt"].contains(where: inception.hasSuffix) {
            checks.fail(
                "inception", "\(inception) is a file of PyTorch's own format, which is not read",
                remedy: "Convert it to safetensors: docs/jobs.md says how.", code: .unsupported)
        }
        guard samples?.isStatistics == true else { return }
        if reference == nil {
            checks.fail(
                "samples", and: ["reference"], "statistics alone leave nothing to measure",
                remedy: "Add reference, or name the pictures themselves.")
        } else if reference?.isStatistics == true, inception != nil {
            checks.fail(
                "inception", and: ["samples", "reference"],
                "both sets are statistics, so there are no pictures to compute features of", remedy: "Remove it.")
        }
    }
}
