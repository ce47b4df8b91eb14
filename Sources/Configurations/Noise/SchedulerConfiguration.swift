public import StrictJSON

/// The noise schedule and how it is sampled: the keys and defaults of diffusers' `DDPMScheduler` and `DDIMScheduler` together, and
/// those of its other schedulers in `solver`.
public struct SchedulerConfiguration: Described, Hashable {
    /// How beta grows from `betaStart` to `betaEnd` over the T steps.
    public enum BetaSchedule: String, Sendable, CaseIterable {
        /// Evenly (Ho et al. 2020).
        case linear
        /// Its square root evenly (latent diffusion).
        case scaledLinear = "scaled_linear"
        /// abar by a squared cosine, betas clipped (Nichol & Dhariwal 2021); `betaStart` and `betaEnd` play no part.
        case cosine = "squaredcos_cap_v2"
        /// By a sigmoid from -6 to 6.
        case sigmoid
        /// Its square root evenly, as `scaledLinear`.
        case quadratic
        /// By a constant factor; also called geometric.
        case exponential
        /// `betaEnd` throughout.
        case constant
    }

    /// The variance of a reverse step.
    public enum VarianceType: String, Sendable, CaseIterable {
        /// The posterior's.
        case fixedSmall = "fixed_small"
        case fixedSmallLog = "fixed_small_log"
        /// beta_t.
        case fixedLarge = "fixed_large"
        case fixedLargeLog = "fixed_large_log"
        /// Between the posterior's and beta_t, as the model's second half of channels says (Nichol & Dhariwal 2021).
        case learnedRange = "learned_range"
    }

    /// What the network predicts.
    public enum PredictionType: String, Sendable, Codable, CaseIterable {
        case epsilon
        /// x_0.
        case sample
        /// v = sqrt(abar) eps - sqrt(1 - abar) x_0 (Salimans & Ho 2022).
        case vPrediction = "v_prediction"
    }

    /// How sampling steps are chosen among the training steps (Lin et al. 2023, table 2).
    public enum TimestepSpacing: String, Sendable, CaseIterable { case linspace, leading, trailing }

    public var numTrainTimesteps = 1000
    public var betaStart = 1e-4
    public var betaEnd = 0.02
    public var betaSchedule = BetaSchedule.linear
    /// The betas themselves, in place of a named schedule.
    public var trainedBetas: [Double]?
    public var varianceType = VarianceType.fixedSmall
    public var clipSample = true
    public var predictionType = PredictionType.epsilon
    public var thresholding = false
    public var dynamicThresholdingRatio = 0.995
    public var clipSampleRange = 1.0
    public var sampleMaxValue = 1.0
    public var timestepSpacing = TimestepSpacing.leading
    public var stepsOffset = 0
    public var rescaleBetasZeroSNR = false
    public var setAlphaToOne = true
    public var solver = SolverConfiguration()
    /// The algorithm whose class of diffusers the configuration belongs to.
    public var sampler = SamplerName.ddpm

    public init() {}

    static let steps = Form<Int>.integer(in: 1...100_000)
    static let ratio = Form<Double>.number(above: 0, upTo: 1)
    static let bound = Form<Double>.number(above: 0, upTo: 1000)

    public static let fields: [Field<Self>] =
        trainingFields + SolverConfiguration.fields.map { $0.lifted(\.solver) }

    /// What matters to a training, and to DDPM and DDIM.
    static let trainingFields: [Field<Self>] = [
        Field("num_train_timesteps", \.numTrainTimesteps, steps, "T, the number of diffusion steps in training."),
        Field("beta_start", \.betaStart, .number(above: 0, upTo: 0.9999), "Beta of the first step."),
        Field("beta_end", \.betaEnd, .number(above: 0, upTo: 0.9999), "Beta of the last step."),
        Field("beta_schedule", \.betaSchedule, .choice(aliases: ["geometric": .exponential]), "How beta grows."),
        Field(
            "trained_betas", \.trainedBetas, .optional(.list(.number(above: 0, upTo: 1), count: 1...100_000)),
            "The betas themselves, one for each step, in place of a named schedule."),
        Field("variance_type", \.varianceType, .choice(), "Variance of a DDPM step."),
        Field("clip_sample", \.clipSample, .boolean, "Clip the predicted x_0 to clip_sample_range."),
        Field("prediction_type", \.predictionType, .choice(), "What the network predicts."),
        Field("thresholding", \.thresholding, .boolean, "Dynamic thresholding of the predicted x_0 (Imagen)."),
        Field(
            "dynamic_thresholding_ratio", \.dynamicThresholdingRatio, ratio,
            "Quantile that dynamic thresholding scales by."),
        Field("clip_sample_range", \.clipSampleRange, bound, "Largest magnitude that clip_sample leaves."),
        Field(
            "sample_max_value", \.sampleMaxValue, .number(in: 1...1000), "Upper bound of dynamic thresholding's scale."),
        Field(
            "timestep_spacing", \.timestepSpacing, .choice(), "How sampling steps are chosen among the training steps."),
        Field(
            "steps_offset", \.stepsOffset, .integer(in: 0...100_000),
            "Added to each sampling step with leading spacing."),
        Field(
            "rescale_betas_zero_snr", \.rescaleBetasZeroSNR, .boolean,
            "Rescale the betas to zero terminal SNR (Lin et al. 2023)."),
        Field(
            "set_alpha_to_one", \.setAlphaToOne, .boolean, "DDIM: abar after the last step is 1, not that of step 0."),
    ]

    public func validate(_ checks: inout Checks) {
        solver.validate(&checks)
        validateBetas(&checks)
        if let trainedBetas, trainedBetas.count != numTrainTimesteps {
            checks.fail(
                "trained_betas", and: ["num_train_timesteps"],
                "trained_betas has \(trainedBetas.count) values but num_train_timesteps is \(numTrainTimesteps)",
                remedy: "Give one beta for each step.")
        }
        if stepsOffset >= numTrainTimesteps {
            checks.fail(
                "steps_offset", and: ["num_train_timesteps"],
                "steps_offset is \(stepsOffset), but there are only \(numTrainTimesteps) steps", remedy: "Use 0 or 1.")
        }
    }
}
