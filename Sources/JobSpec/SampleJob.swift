public import Configurations
import Problems
public import StrictJSON

/// Draws samples from a model.
public struct SampleJob: Described, Hashable {
    /// Where the random numbers come from.
    public enum RandomSource: String, Sendable, CaseIterable {
        /// Sample i depends on seed and i alone.
        case philox
        /// The numbers of `torch.Generator("cpu")`, one generator for each whole batch in the order of a diffusers pipeline.
        case torch
    }

    public var common = CommonOptions()
    public var model = ModelReference.published("model")
    public var sampler = SamplerOptions()
    /// Number of samples.
    public var count = 1
    /// Samples in one forward pass.
    public var batchSize = 8
    public var randomSource = RandomSource.philox
    /// Sample i has class `classLabels[i % classLabels.count]`; nil for a model without classes.
    public var classLabels: [Int]?
    public var guidanceScale = 1.0
    public var output = OutputOptions()

    public init() {}

    public static let fields: [Field<Self>] =
        CommonOptions.fields.map { $0.lifted(\.common) } + [
            Field(
                "model", \.model, ModelReference.form,
                "The model: a path with a /, \"job:ID\", \"job:NAME\", or the name of a published model.",
                required: true),
            Field("sampler", \.sampler, .object, "Algorithm and steps."),
            Field("count", \.count, .integer(in: 1...1_000_000), "Number of samples."),
            Field("batch_size", \.batchSize, .integer(in: 1...65536), "Samples in one forward pass."),
            Field("rng", \.randomSource, .choice(), "Where the random numbers come from."),
            Field(
                "class_labels", \.classLabels, .optional(.list(.integer(in: 0...999_999), count: 1...100_000)),
                "Class of each sample, repeated from the start when there are more samples; null: none."),
            Field("guidance_scale", \.guidanceScale, .number(in: 0...1000), "Strength of guidance; 1 is none."),
            Field("output", \.output, .object, "What is written."),
        ]

    public func validate(_ checks: inout Checks) {
        if guidanceScale != 1 {
            checks.fail(
                "guidance_scale",
                "guidance needs a model that was trained with a null class, which no architecture here has",
                remedy: "Set it to 1, or leave it out.", code: .unsupported)
        }
        if let classLabels, classLabels.count > count {
            checks.fail(
                "class_labels", and: ["count"], "there are \(classLabels.count) class_labels but count is \(count)",
                remedy: "Raise count, or give fewer labels.")
        }
    }
}
