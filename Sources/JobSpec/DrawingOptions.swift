public import Configurations
import Problems
public import StrictJSON

/// What all jobs have that draw from a model: the model, how it is sampled, and what is written.
public struct DrawingOptions: Described, Hashable {
    /// Where the random numbers come from.
    public enum RandomSource: String, Sendable, CaseIterable {
        /// Sample i depends on seed and i alone.
        case philox
        /// The numbers of `torch.Generator("cpu")`, one generator for each whole batch in the order of a diffusers pipeline.
        case torch
    }

    /// How a model's weights are kept in memory.
    public enum WeightsType: String, Sendable, CaseIterable {
        case fp32, fp16, bf16
    }

    public var model = ModelReference.published("model")
    /// The middle of the names of its weights' files; nil: the plain files, or the only ones.
    public var variant: String?
    /// What the model predicts; nil: what its files say, or what is usual for its kind.
    public var predictionType: SchedulerConfiguration.PredictionType?
    /// What makes pictures of the model's latents; nil: the model's own, if it has one.
    public var autoencoder: ModelReference?
    /// Of the denoiser. What is computed is fp32 in any case.
    public var weightsType = WeightsType.fp32
    public var sampler = SamplerOptions()
    /// Samples in one forward pass.
    public var batchSize = 8
    public var randomSource = RandomSource.philox
    /// Sample i has class `classLabels[i % classLabels.count]`; nil for a model without classes, or for all of them.
    public var classLabels: [ClassLabel]?
    public var prompts = PromptOptions()
    /// A model that takes the last steps; nil: none.
    public var refiner: ModelReference?
    /// Share of the trained timesteps, from the noisiest on, that the model itself takes where there is a refiner.
    public var switchAt = usualSwitch
    /// 1: none; nil: what is usual for the model.
    public var guidanceScale: Double?
    public var guidanceRescale = 0.0
    /// From and to, as shares of the trained timesteps.
    public var guidanceInterval = wholeInterval
    public var output = OutputOptions()

    private static let wholeInterval = [0.0, 1.0]
    private static let usualSwitch = 0.8
    static let refinerKeys = ["refiner", "switch_at"]

    public init() {}

    public static let fields: [Field<Self>] =
        [
            Field(
                "model", \.model, ModelReference.form,
                "The model: a path with a /, \"job:ID\", \"job:NAME\", or the name of a published model.",
                required: true),
            Field(
                "variant", \.variant, .optional(.string(limit: 100)),
                "Which weights of the model's directory are taken, by the middle of their files' names, such as \"fp16\"; null: "
                    + "the plain ones, or the only ones that there are."),
            Field(
                "prediction_type", \.predictionType, .optional(.choice()),
                "What the model predicts, for a single file that does not tell it; null: what its files say, or what is usual "
                    + "for models of its kind."),
            Field(
                "autoencoder", \.autoencoder, .optional(ModelReference.form),
                "An autoencoder (its directory, or a .safetensors file), or a model that has one, in the place of the model's own; null: its own, if it has one."
            ),
            Field(
                "weights_dtype", \.weightsType, .choice(),
                "How the denoiser's weights are kept in memory; fp16 and bf16 take half of it and round weights of more bits."
            ),
            Field("sampler", \.sampler, .object, "Algorithm and steps."),
            Field("batch_size", \.batchSize, .integer(in: 1...65536), "Samples in one forward pass."),
            Field("rng", \.randomSource, .choice(), "Where the random numbers come from."),
            Field(
                "class_labels", \.classLabels, .optional(.list(ClassLabel.form, count: 1...100_000)),
                "Class of each sample, by number or by the name that the model has for it, repeated from the start when there are more "
                    + "samples; null: none."),
            Field(
                "guidance_scale", \.guidanceScale, .optional(.number(in: 0...1000)),
                "Strength of classifier-free guidance; 1 is none; null: what is usual for the model, 1 where it reads no text. A model "
                    + "with classes needs a null class."),
            Field(
                "guidance_rescale", \.guidanceRescale, .number(in: 0...1),
                "How much of the guided output's spread is brought back to the plain one's (Lin et al. 2023)."),
            Field(
                "guidance_interval", \.guidanceInterval, .list(.number(in: 0...1), count: 2...2),
                "Where guidance acts: from and to, as shares of the trained timesteps, 0 without noise and 1 with nothing else."
            ),
            Field(
                "refiner", \.refiner, .optional(ModelReference.form),
                "A second model that reads text and takes the last steps, such as the refiner of Stable Diffusion XL; null: none."
            ),
            Field(
                "switch_at", \.switchAt, .number(in: 0.01...0.99),
                "With a refiner, the share of the trained timesteps that the first model takes."),
            Field("output", \.output, .object, "What is written."),
        ] + PromptOptions.fields.map { $0.lifted(\.prompts) }

    public func validate(_ checks: inout Checks) {
        if guidanceInterval[0] >= guidanceInterval[1] {
            checks.fail(
                "guidance_interval", "guidance_interval goes from \(guidanceInterval[0]) to \(guidanceInterval[1])",
                remedy: "Give the lower bound first, such as [0.1, 0.8].")
        }
        prompts.validate(&checks)
        if refiner == nil, switchAt != Self.usualSwitch {
            checks.fail(
                "switch_at", and: ["refiner"], "switch_at has no meaning without a refiner",
                remedy: "Add \"refiner\", or remove it.")
        }
        if refiner != nil, !prompts.isGiven {
            checks.fail(
                "refiner", and: ["prompt", "prompt_file"], "a refiner is given, but no prompt that it could read",
                remedy: "Add \"prompt\", or remove it.")
        }
        if prompts.isGiven, classLabels != nil {
            checks.fail(
                "class_labels", and: ["prompt", "prompt_file"],
                "both class_labels and a prompt are given, and no model takes both",
                remedy: "Keep what the model was trained with.")
        }
        if sampler.name == nil, !prompts.isGiven {
            for misfit in sampler.misfits(with: UsualSampler.plain.name) { checks.fail(misfit.within("sampler")) }
        }
        let isGuided = guidanceScale.map { $0 != 1 } ?? prompts.isGiven
        guard !isGuided else {
            if classLabels == nil, !prompts.isGiven, let guidanceScale {
                checks.fail(
                    "guidance_scale", and: ["class_labels", "prompt", "prompt_file"],
                    "guidance_scale is \(guidanceScale), but without class_labels or a prompt there is nothing to guide to",
                    remedy: "Add class_labels or a prompt, or set guidance_scale to 1.")
            }
            return
        }
        let meaningless = [
            ("guidance_rescale", guidanceRescale != 0), ("guidance_interval", guidanceInterval != Self.wholeInterval),
        ]
        for (key, isSet) in meaningless where isSet {
            checks.fail(
                key, and: ["guidance_scale", "prompt", "prompt_file"], "\(key) has no meaning without guidance",
                remedy: "Set guidance_scale, or remove it.")
        }
    }
}
