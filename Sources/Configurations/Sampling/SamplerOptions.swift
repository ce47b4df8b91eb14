internal import Problems
public import StrictJSON

/// The `sampler` of a job: the algorithm, its steps, and what differs from the model's `scheduler_config.json`.
public struct SamplerOptions: Described, Hashable {
    /// Nil: the one that is usual for the model.
    public var name: SamplerName?
    /// Number of steps; nil: with a name, every step of the training schedule; without, as many as are usual for the model.
    public var steps: Int?
    /// DDIM's share of noise: 0 deterministic, 1 as much as DDPM.
    public var eta = 0.0
    /// What the model's scheduler does not decide.
    public var overrides = Overrides<SchedulerConfiguration>()

    /// What is usual for the model.
    public init() {}

    /// Keys of the model's scheduler that a job may set otherwise: all but those that its training has settled.
    private static let overridable = SchedulerConfiguration.fields.filter { field in
        field.key == "timestep_spacing" || field.key == "steps_offset"
            || !SchedulerConfiguration.commonKeys.contains(field.key)
    }

    public static let fields: [Field<Self>] =
        [
            Field(
                "name", \.name, .optional(.choice()),
                "The algorithm; null: ddim, or that of the model's scheduler for a model that reads text."),
            Field(
                "steps", \.steps, .optional(SchedulerConfiguration.steps),
                "Number of steps, 50 when left out beside a name other than ddpm; null: with a name every step of the training "
                    + "schedule, without one as many as are usual for the model."),
            Field("eta", \.eta, .number(in: 0...1), "DDIM's share of noise: 0 deterministic, 1 as much as DDPM."),
        ] + overridable.map { $0.overriding(\.overrides, "Null: as the model's scheduler says.") }

    public mutating func complete(from node: JSONNode) {
        if let name, !node.gives("steps") { steps = name == .ddpm ? nil : UsualSampler.plain.steps }
    }

    public func validate(_ checks: inout Checks) {
        // Without a name only the model tells which sampler it is.
        guard let name else { return }
        for misfit in misfits(with: name) { checks.fail(misfit) }
        // What the options say among themselves; what they say together with the model's scheduler, the job finds.
        var together = name.defaults
        overrides.apply(to: &together)
        together.solver.validate(&checks)
    }

    /// What these options say that a sampler does not know.
    public func misfits(with name: SamplerName) -> [Misfit] {
        let known = name.keys.union(SchedulerConfiguration.commonKeys)
        var meaningless = overrides.keys.subtracting(known).sorted()
        if eta != 0, name != .ddim { meaningless.append("eta") }
        var misfits = meaningless.map { key in
            Misfit(
                key, and: ["name"], "\(key) has no meaning with the sampler \"\(name.rawValue)\"", remedy: "Remove it.")
        }
        if let solverType = overrides["solver_type"]?.string, meaningless.isEmpty,
            !name.solverTypes.contains(where: { $0.rawValue == solverType })
        {
            misfits.append(
                Misfit(
                    "solver_type", and: ["name"],
                    "the sampler \"\(name.rawValue)\" has no solver_type \"\(solverType)\"",
                    remedy: "It has \(name.solverTypes.map { "\"\($0.rawValue)\"" }.joined(separator: ", "))."))
        }
        return misfits
    }
}
