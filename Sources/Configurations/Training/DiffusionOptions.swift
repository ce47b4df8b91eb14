import Problems
public import StrictJSON

/// What is minimized: a distance between prediction and target, its weight by timestep, and at which noise.
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
    /// How much of a noise that is the same in all pixels is added to that of training: 0.05 to 0.1 teach very dark and very
    /// bright pictures (Guttenberg 2023, "Diffusion with offset noise").
    public var noiseOffset = 0.0
    /// The first and the last timestep that training draws; nil: all.
    public var timestepRange: [Int]?

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
        Field(
            "noise_offset", \.noiseOffset, .number(in: 0...10),
            "How much noise that is the same in all pixels of a channel is added in training; 0.05 to 0.1 teach very dark and very "
                + "bright pictures."),
        Field(
            "timestep_range", \.timestepRange, .optional(.list(.integer(in: 0...1_000_000), count: 2...2)),
            "The first and the last timestep that training draws; null: all."),
    ]

    public func validate(_ checks: inout Checks) {
        if !loss.hasDelta, huberDelta != LossConfiguration().huberDelta {
            checks.fail(
                "huber_delta", and: ["loss"], "huber_delta has no meaning with the loss \"\(loss.rawValue)\"",
                remedy: "Set \"loss\" to \"huber\" or \"smooth_l1\", or remove it.")
        }
        if let range = timestepRange, range[0] > range[1] {
            checks.fail(
                "timestep_range", "timestep_range goes from \(range[0]) to \(range[1])",
                remedy: "Give the first timestep before the last, such as [0, 499].")
        }
    }

    /// Whether its timesteps are there, and drawn one for each sample.
    ///
    /// - Parameter clips: whether the frames of a clip have timesteps of their own.
    public func misfit(with scheduler: SchedulerConfiguration, clips: Bool) -> Misfit? {
        guard let range = timestepRange else { return nil }
        if clips {
            return Misfit(
                "timestep_range", "the frames of clips have timesteps of their own", remedy: "Remove it.",
                code: .unsupported)
        }
        guard range[1] >= scheduler.numTrainTimesteps else { return nil }
        return Misfit(
            "timestep_range", and: ["num_train_timesteps"],
            "timestep_range ends at \(range[1]), but the schedule has \(scheduler.numTrainTimesteps) timesteps",
            remedy: "End it at \(scheduler.numTrainTimesteps - 1) or before.")
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
        if let misfit = loss.misfit(with: scheduler, clips: false) { checks.fail(misfit) }
        if scheduler.rescaleBetasZeroSNR, scheduler.predictionType == .epsilon {
            checks.fail(
                "rescale_betas_zero_snr", and: ["prediction_type"],
                "with zero terminal SNR the last step is pure noise, from which epsilon tells nothing about x_0",
                remedy: "Set \"prediction_type\" to \"v_prediction\" or \"sample\".")
        }
    }
}
