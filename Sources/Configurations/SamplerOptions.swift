public import StrictJSON

/// The `sampler` of a sample job: the algorithm, its steps, and what differs from the model's `scheduler_config.json`.
public struct SamplerOptions: Described, Hashable {
    public enum Name: String, Sendable, CaseIterable {
        /// Ho et al. 2020.
        case ddpm
        /// Song et al. 2021.
        case ddim
    }

    public var name = Name.ddim
    /// Number of steps; nil: every step of the training schedule.
    public var steps: Int?
    /// DDIM's share of noise: 0 deterministic, 1 as much as DDPM.
    public var eta = 0.0

    // Nil: as the model's scheduler says.
    public var timestepSpacing: SchedulerConfiguration.TimestepSpacing?
    public var stepsOffset: Int?
    public var clipSample: Bool?
    public var clipSampleRange: Double?
    public var thresholding: Bool?
    public var dynamicThresholdingRatio: Double?
    public var sampleMaxValue: Double?
    public var varianceType: SchedulerConfiguration.VarianceType?
    public var rescaleBetasZeroSNR: Bool?
    public var setAlphaToOne: Bool?

    /// DDIM with 50 steps.
    public init() { steps = 50 }

    public static let fields: [Field<Self>] =
        [
            Field("name", \.name, .choice(), "The algorithm."),
            Field(
                "steps", \.steps, .optional(SchedulerConfiguration.steps),
                "Number of steps; null: every step of the training schedule, which is ddpm's default."),
            Field("eta", \.eta, .number(in: 0...1), "DDIM's share of noise: 0 deterministic, 1 as much as DDPM."),
        ] + overrides

    private static let overrides: [Field<Self>] = [
        Field(
            "timestep_spacing", \.timestepSpacing, .optional(.choice()),
            "How steps are chosen; null: as the model says."),
        Field(
            "steps_offset", \.stepsOffset, .optional(.integer(in: 0...100_000)),
            "Added to each step; null: as the model says."),
        Field("clip_sample", \.clipSample, .optional(.boolean), "Clip the predicted x_0; null: as the model says."),
        Field(
            "clip_sample_range", \.clipSampleRange, .optional(SchedulerConfiguration.bound),
            "Largest magnitude left by clip_sample; null: as the model says."),
        Field("thresholding", \.thresholding, .optional(.boolean), "Dynamic thresholding; null: as the model says."),
        Field(
            "dynamic_thresholding_ratio", \.dynamicThresholdingRatio, .optional(SchedulerConfiguration.ratio),
            "Its quantile; null: as the model says."),
        Field(
            "sample_max_value", \.sampleMaxValue, .optional(.number(in: 1...1000)),
            "Upper bound of its scale; null: as the model says."),
        Field(
            "variance_type", \.varianceType, .optional(.choice()), "Variance of a DDPM step; null: as the model says."),
        Field(
            "rescale_betas_zero_snr", \.rescaleBetasZeroSNR, .optional(.boolean),
            "Zero terminal SNR; null: as the model says."),
        Field(
            "set_alpha_to_one", \.setAlphaToOne, .optional(.boolean), "DDIM's last abar is 1; null: as the model says."),
    ]

    public mutating func complete(from node: JSONNode) {
        if name == .ddpm, !node.gives("steps") { steps = nil }
    }

    public func validate(_ checks: inout Checks) {
        let meaningless =
            switch name {
            case .ddpm: [("eta", eta != 0), ("set_alpha_to_one", setAlphaToOne != nil)]
            case .ddim: [("variance_type", varianceType != nil)]
            }
        for (key, isSet) in meaningless where isSet {
            checks.fail(
                key, and: ["name"], "\(key) has no meaning with the sampler \"\(name.rawValue)\"", remedy: "Remove it.")
        }
    }

    /// The model's scheduler with this sampler's differences.
    public func applied(to scheduler: SchedulerConfiguration) -> SchedulerConfiguration {
        var result = scheduler
        result.timestepSpacing = timestepSpacing ?? result.timestepSpacing
        result.stepsOffset = stepsOffset ?? result.stepsOffset
        result.clipSample = clipSample ?? result.clipSample
        result.clipSampleRange = clipSampleRange ?? result.clipSampleRange
        result.thresholding = thresholding ?? result.thresholding
        result.dynamicThresholdingRatio = dynamicThresholdingRatio ?? result.dynamicThresholdingRatio
        result.sampleMaxValue = sampleMaxValue ?? result.sampleMaxValue
        result.varianceType = varianceType ?? result.varianceType
        result.rescaleBetasZeroSNR = rescaleBetasZeroSNR ?? result.rescaleBetasZeroSNR
        result.setAlphaToOne = setAlphaToOne ?? result.setAlphaToOne
        return result
    }
}
