public import StrictJSON

/// How a solver goes through the noise levels: the keys and defaults of diffusers' schedulers beyond those of DDPM and DDIM. Which
/// of them a sampler knows, `SamplerName` says.
public struct SolverConfiguration: Described, Hashable {
    /// The noise level after the last step.
    public enum FinalSigmas: String, Sendable, CaseIterable {
        case zero
        /// The lowest of the training schedule.
        case sigmaMin = "sigma_min"
    }

    /// What lies evenly between noise levels: themselves over timesteps, or their logarithms over steps.
    public enum Interpolation: String, Sendable, CaseIterable {
        case linear
        case logLinear = "log_linear"
    }

    /// What a model that predicts v is told: the timestep, or a quarter of the noise level's logarithm.
    public enum TimestepType: String, Sendable, CaseIterable { case discrete, continuous }

    /// DPM-Solver integrates the predicted noise, DPM-Solver++ the predicted x_0; either as an ODE or as an SDE.
    public enum Algorithm: String, Sendable, CaseIterable {
        case dpmSolver = "dpmsolver"
        case dpmSolverPlusPlus = "dpmsolver++"
        case sdeDPMSolver = "sde-dpmsolver"
        case sdeDPMSolverPlusPlus = "sde-dpmsolver++"
    }

    /// How the outputs of several steps are combined: two ways of DPM-Solver's, two of UniPC's (its function B(h)).
    public enum SolverType: String, Sendable, CaseIterable { case midpoint, heun, bh1, bh2 }

    public var useKarrasSigmas = false
    public var useExponentialSigmas = false
    public var useBetaSigmas = false
    public var useLuLambdas = false
    public var sigmaMin: Double?
    public var sigmaMax: Double?
    public var finalSigmasType = FinalSigmas.zero
    public var interpolationType = Interpolation.linear
    public var timestepType = TimestepType.discrete
    public var lambdaMinClipped: Double?
    public var solverOrder = 2
    public var algorithmType = Algorithm.dpmSolverPlusPlus
    public var solverType = SolverType.midpoint
    public var lowerOrderFinal = true
    public var eulerAtFinal = false
    public var skipPRKSteps = false
    public var predictX0 = true
    public var disableCorrector: [Int] = []

    public init() {}

    private static let sigma = Form<Double?>.optional(.number(above: 0, upTo: 1e6))

    public static let fields: [Field<Self>] = [
        Field("use_karras_sigmas", \.useKarrasSigmas, .boolean, "Noise levels spaced as in Karras et al. 2022."),
        Field("use_exponential_sigmas", \.useExponentialSigmas, .boolean, "Noise levels spaced by a constant factor."),
        Field("use_beta_sigmas", \.useBetaSigmas, .boolean, "Noise levels spaced by a beta distribution."),
        Field(
            "use_lu_lambdas", \.useLuLambdas, .boolean,
            "Logarithms of the noise levels spaced evenly, as in Lu et al. 2022."
        ),
        Field("sigma_min", \.sigmaMin, sigma, "Lowest noise level of such a spacing; null: that of the last step."),
        Field("sigma_max", \.sigmaMax, sigma, "Highest noise level of such a spacing; null: that of the first step."),
        Field("final_sigmas_type", \.finalSigmasType, .choice(), "The noise level after the last step."),
        Field("interpolation_type", \.interpolationType, .choice(), "What lies evenly between noise levels."),
        Field(
            "timestep_type", \.timestepType, .choice(),
            "Whether a v_prediction model is told timesteps or noise levels."),
        Field(
            "lambda_min_clipped", \.lambdaMinClipped, .optional(.number(in: -1000...1000)),
            "Steps begin no lower than at this log signal-to-noise ratio; null: at the schedule's end."),
        Field("solver_order", \.solverOrder, .integer(in: 1...3), "Model outputs that one step combines."),
        Field(
            "algorithm_type", \.algorithmType, .choice(), "Whether noise or x_0 is integrated, and with noise added."),
        Field("solver_type", \.solverType, .choice(), "How the outputs of several steps are combined."),
        Field("lower_order_final", \.lowerOrderFinal, .boolean, "Lower orders for the last of few steps."),
        Field("euler_at_final", \.eulerAtFinal, .boolean, "First order for the last step."),
        Field("skip_prk_steps", \.skipPRKSteps, .boolean, "PNDM without Runge-Kutta steps at the beginning."),
        Field("predict_x0", \.predictX0, .boolean, "Integrate the predicted x_0, not the noise."),
        Field(
            "disable_corrector", \.disableCorrector, .list(.integer(in: 0...100_000), count: 0...100_000),
            "Steps after which UniPC does not correct."),
    ]

    public func validate(_ checks: inout Checks) {
        let spacings = [
            ("use_karras_sigmas", useKarrasSigmas), ("use_exponential_sigmas", useExponentialSigmas),
            ("use_beta_sigmas", useBetaSigmas), ("use_lu_lambdas", useLuLambdas),
        ].filter(\.1).map(\.0)
        if spacings.count > 1 {
            checks.fail(
                spacings[1], and: [spacings[0]], "\(spacings.joined(separator: " and ")) contradict each other",
                remedy: "Keep one of them.")
        }
        if let sigmaMin, let sigmaMax, sigmaMin >= sigmaMax {
            checks.fail(
                "sigma_min", and: ["sigma_max"], "sigma_min is \(sigmaMin), but sigma_max is \(sigmaMax)",
                remedy: "Make sigma_min the smaller one.")
        }
        if [.dpmSolver, .sdeDPMSolver].contains(algorithmType), finalSigmasType == .zero {
            checks.fail(
                "final_sigmas_type", and: ["algorithm_type"],
                "\(algorithmType.rawValue) integrates the noise, which nothing is left of at sigma 0",
                remedy: "Set \"final_sigmas_type\" to \"sigma_min\", or \"algorithm_type\" to \"dpmsolver++\".")
        }
        if algorithmType == .sdeDPMSolver, solverOrder == 3 {
            checks.fail(
                "solver_order", and: ["algorithm_type"], "sde-dpmsolver has no third order",
                remedy: "Set it to 2, or \"algorithm_type\" to \"sde-dpmsolver++\".")
        }
        if !predictX0, finalSigmasType == .zero {
            checks.fail(
                "final_sigmas_type", and: ["predict_x0"],
                "without predict_x0 the noise is integrated, which nothing is left of at sigma 0",
                remedy: "Set \"final_sigmas_type\" to \"sigma_min\", or predict_x0 to true.")
        }
        if !lowerOrderFinal, solverOrder > 1, [.bh1, .bh2].contains(solverType), finalSigmasType == .zero {
            checks.fail(
                "lower_order_final", and: ["final_sigmas_type"],
                "UniPC's last step to sigma 0 can be of the first order only, which lower_order_final forbids",
                remedy: "Set \"final_sigmas_type\" to \"sigma_min\", or lower_order_final to true.")
        }
    }
}
