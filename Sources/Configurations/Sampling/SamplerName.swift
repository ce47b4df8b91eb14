import StrictJSON

/// The sampling algorithms: their names in job files, and the classes of diffusers whose `scheduler_config.json` says the rest.
public enum SamplerName: String, Sendable, CaseIterable {
    /// Ho et al. 2020.
    case ddpm
    /// Song et al. 2021.
    case ddim
    /// Karras et al. 2022, algorithm 2 without churn.
    case euler
    /// Euler's method with as much noise added as an ancestral step has.
    case eulerAncestral = "euler_ancestral"
    /// Karras et al. 2022, algorithm 1.
    case heun
    /// Multistep DPM-Solver and DPM-Solver++ (Lu et al. 2022), their stochastic forms included.
    case dpmpp2M = "dpmpp_2m"
    /// Stochastic DPM-Solver++ with a midpoint.
    case dpmppSDE = "dpmpp_sde"
    /// Liu et al. 2022.
    case pndm
    /// Zhang & Chen 2023.
    case deis
    /// Zhao et al. 2023.
    case unipc
    /// Linear multistep, as in k-diffusion.
    case lms

    /// `_class_name` in `scheduler_config.json`.
    public var className: String {
        switch self {
        case .ddpm: "DDPMScheduler"
        case .ddim: "DDIMScheduler"
        case .euler: "EulerDiscreteScheduler"
        case .eulerAncestral: "EulerAncestralDiscreteScheduler"
        case .heun: "HeunDiscreteScheduler"
        case .dpmpp2M: "DPMSolverMultistepScheduler"
        case .dpmppSDE: "DPMSolverSDEScheduler"
        case .pndm: "PNDMScheduler"
        case .deis: "DEISMultistepScheduler"
        case .unipc: "UniPCMultistepScheduler"
        case .lms: "LMSDiscreteScheduler"
        }
    }

    /// Keys that its class has, besides `SchedulerConfiguration.commonKeys`.
    var keys: Set<String> {
        let clipping: Set = ["clip_sample", "clip_sample_range"]
        let thresholding: Set = ["thresholding", "dynamic_thresholding_ratio", "sample_max_value"]
        let sigmas: Set = ["use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas"]
        return switch self {
        case .ddpm: clipping.union(thresholding).union(["rescale_betas_zero_snr", "variance_type"])
        case .ddim: clipping.union(thresholding).union(["rescale_betas_zero_snr", "set_alpha_to_one"])
        case .euler:
            sigmas.union([
                "rescale_betas_zero_snr", "interpolation_type", "sigma_min", "sigma_max", "timestep_type",
                "final_sigmas_type",
            ])
        case .eulerAncestral: ["rescale_betas_zero_snr"]
        case .heun: sigmas.union(clipping)
        case .dpmpp2M:
            sigmas.union(thresholding).union([
                "rescale_betas_zero_snr", "solver_order", "algorithm_type", "solver_type", "lower_order_final",
                "euler_at_final", "use_lu_lambdas", "final_sigmas_type", "lambda_min_clipped",
            ])
        case .dpmppSDE, .lms: sigmas
        case .pndm: ["skip_prk_steps", "set_alpha_to_one"]
        case .deis: sigmas.union(thresholding).union(["solver_order", "lower_order_final"])
        case .unipc:
            sigmas.union(thresholding).union([
                "rescale_betas_zero_snr", "solver_order", "predict_x0", "solver_type", "lower_order_final",
                "disable_corrector", "final_sigmas_type", "sigma_min", "sigma_max",
            ])
        }
    }

    /// Whether it can limit the predicted x_0 to a range, as `clip_sample` says.
    public var clips: Bool { keys.contains("clip_sample") }

    /// Keys that its class has but that change nothing here: seeds (the job's counts), the one choice that a class has, and what
    /// matters to flow matching alone. `variance_type` tells DPM-Solver that outputs for the variance are to be left out,
    /// which they are whenever a model has some.
    var idleKeys: Set<String> {
        let flow: Set = ["flow_shift", "use_dynamic_shifting", "time_shift_type", "shift_terminal", "solver_p"]
        return switch self {
        case .dpmpp2M: flow.union(["variance_type"])
        case .dpmppSDE: ["noise_sampler_seed"]
        case .deis: flow.union(["solver_type", "algorithm_type"])
        case .unipc: flow
        case .ddpm, .ddim, .euler, .eulerAncestral, .heun, .pndm, .lms: []
        }
    }

    /// The ways to combine earlier outputs that it knows, the default first; empty where it has one way only.
    var solverTypes: [SolverConfiguration.SolverType] {
        switch self {
        case .dpmpp2M: [.midpoint, .heun]
        case .unipc: [.bh2, .bh1]
        case .ddpm, .ddim, .euler, .eulerAncestral, .heun, .dpmppSDE, .pndm, .deis, .lms: []
        }
    }

    /// What absent keys of its `scheduler_config.json` mean.
    var defaults: SchedulerConfiguration {
        var defaults = SchedulerConfiguration()
        defaults.sampler = self
        if let first = solverTypes.first { defaults.solver.solverType = first }
        guard self != .ddpm, self != .ddim else { return defaults }
        defaults.clipSample = false
        if self == .pndm { defaults.setAlphaToOne = false } else { defaults.timestepSpacing = .linspace }
        if self == .heun || self == .dpmppSDE { (defaults.betaStart, defaults.betaEnd) = (0.00085, 0.012) }
        return defaults
    }
}
