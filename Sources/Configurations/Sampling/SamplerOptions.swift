public import Problems
public import StrictJSON

/// The `sampler` of a job: the algorithm, its steps, and what differs from the model's `scheduler_config.json`.
public struct SamplerOptions: Described, Hashable {
    public var name = SamplerName.ddim
    /// Number of steps; nil: every step of the training schedule.
    public var steps: Int?
    /// DDIM's share of noise: 0 deterministic, 1 as much as DDPM.
    public var eta = 0.0
    /// What the model's scheduler does not decide.
    public var overrides = Overrides<SchedulerConfiguration>()

    /// DDIM with 50 steps.
    public init() { steps = 50 }

    /// Keys of the model's scheduler that a job may set otherwise: all but those that its training has settled.
    private static let overridable = SchedulerConfiguration.fields.filter { field in
        field.key == "timestep_spacing" || field.key == "steps_offset"
            || !SchedulerConfiguration.commonKeys.contains(field.key)
    }

    public static let fields: [Field<Self>] =
        [
            Field("name", \.name, .choice(), "The algorithm."),
            Field(
                "steps", \.steps, .optional(SchedulerConfiguration.steps),
                "Number of steps; null: every step of the training schedule, which is ddpm's default."),
            Field("eta", \.eta, .number(in: 0...1), "DDIM's share of noise: 0 deterministic, 1 as much as DDPM."),
        ] + overridable.map { $0.overriding(\.overrides, "Null: as the model's scheduler says.") }

    public mutating func complete(from node: JSONNode) {
        if name == .ddpm, !node.gives("steps") { steps = nil }
    }

    public func validate(_ checks: inout Checks) {
        let known = name.keys.union(SchedulerConfiguration.commonKeys)
        var meaningless = overrides.keys.subtracting(known).sorted()
        if eta != 0, name != .ddim { meaningless.append("eta") }
        for key in meaningless {
            checks.fail(
                key, and: ["name"], "\(key) has no meaning with the sampler \"\(name.rawValue)\"", remedy: "Remove it.")
        }
        if let solverType = overrides["solver_type"]?.string, meaningless.isEmpty,
            !name.solverTypes.contains(where: { $0.rawValue == solverType })
        {
            checks.fail(
                "solver_type", and: ["name"], "the sampler \"\(name.rawValue)\" has no solver_type \"\(solverType)\"",
                remedy: "It has \(name.solverTypes.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")).")
        }
        // What the options say among themselves; what they say together with the model's scheduler, the job finds.
        var together = name.defaults
        overrides.apply(to: &together)
        together.solver.validate(&checks)
    }

    /// The model's scheduler as this sampler uses it.
    public func applied(to scheduler: SchedulerConfiguration) -> SchedulerConfiguration {
        var result = scheduler.converted(to: name)
        overrides.apply(to: &result)
        return result
    }

    /// The same, if it goes together.
    ///
    /// - Throws: a `Problem` where these options contradict the model's scheduler.
    public func checked(for scheduler: SchedulerConfiguration) throws(Problem) -> SchedulerConfiguration {
        if scheduler.rescaleBetasZeroSNR, !name.keys.contains("rescale_betas_zero_snr") {
            throw Problem(
                .unsupported,
                "the sampler \(name.rawValue) cannot follow the model's schedule, which ends without signal",
                remedy: "Use ddpm, ddim, euler, euler_ancestral, dpmpp_2m or unipc.", path: "$.sampler.name")
        }
        let result = applied(to: scheduler)
        do { try result.check() } catch {
            var problem = error.all[0]
            problem.path = problem.path.map { "$.sampler" + $0.dropFirst() }
            throw problem
        }
        return result
    }
}
