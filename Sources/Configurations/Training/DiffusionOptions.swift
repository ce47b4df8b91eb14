public import StrictJSON

/// What is minimized: a distance between prediction and target, and its weight by timestep.
public struct LossConfiguration: Described, Hashable {
    public enum Kind: String, Sendable, CaseIterable {
        case mse, l1
        /// d^2 / 2 up to delta, then delta (|d| - delta / 2) (Huber 1964).
        case huber
        /// Huber's divided by delta, as PyTorch defines it; the same where delta is 1.
        case smoothL1 = "smooth_l1"

        var hasDelta: Bool { self == .huber || self == .smoothL1 }
    }

    public var loss = Kind.mse
    /// Where the parabola meets the straight lines.
    public var huberDelta = 1.0
    /// Min-SNR weighting with this gamma (Hang et al. 2023); nil: every timestep weighs the same.
    public var snrGamma: Double?

    public init() {}

    public static let fields: [Field<Self>] = [
        Field(
            "loss", \.loss, .choice(aliases: ["l2": .mse]),
            "Distance between prediction and target."),
        Field(
            "huber_delta", \.huberDelta, .number(above: 0, upTo: 1000),
            "Where huber and smooth_l1 turn from square to straight."),
        Field(
            "snr_gamma", \.snrGamma, .optional(.number(above: 0, upTo: 10_000)),
            "Min-SNR weighting (Hang et al. 2023), 5 in the paper; null: none."),
    ]

    public func validate(_ checks: inout Checks) {
        if !loss.hasDelta, huberDelta != LossConfiguration().huberDelta {
            checks.fail(
                "huber_delta", and: ["loss"], "huber_delta has no meaning with the loss \"\(loss.rawValue)\"",
                remedy: "Set \"loss\" to \"huber\" or \"smooth_l1\", or remove it.")
        }
    }
}

/// The `diffusion` of a train job: scheduler and loss in one object.
public struct DiffusionOptions: Described, Hashable {
    public var scheduler = SchedulerConfiguration()
    public var loss = LossConfiguration()

    public init() {}

    public static let fields: [Field<Self>] =
        SchedulerConfiguration.trainingFields.map { $0.lifted(\.scheduler) }
        + LossConfiguration.fields.map { $0.lifted(\.loss) }

    public func validate(_ checks: inout Checks) {
        scheduler.validate(&checks)
        loss.validate(&checks)
        if scheduler.rescaleBetasZeroSNR, scheduler.predictionType == .epsilon {
            checks.fail(
                "rescale_betas_zero_snr", and: ["prediction_type"],
                "with zero terminal SNR the last step is pure noise, from which epsilon tells nothing about x_0",
                remedy: "Set \"prediction_type\" to \"v_prediction\" or \"sample\".")
        }
    }
}
