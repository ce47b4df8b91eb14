public import Problems
public import StrictJSON

extension SchedulerConfiguration {
    /// Keys that every scheduler of diffusers has.
    static let commonKeys: Set = [
        "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "prediction_type",
        "timestep_spacing", "steps_offset",
    ]

    /// Reads a `scheduler_config.json` of any class that `SamplerName` knows. Absent keys take the defaults of the class; keys of
    /// other schedulers are warnings.
    public static func read(
        config bytes: [UInt8], file: String? = nil
    ) throws(Problems) -> (configuration: SchedulerConfiguration, class: SamplerName, warnings: [Problem]) {
        let root = try JSONNode.parse(withoutInfinities(bytes), file: file)
        var report = Report(unknownKeys: .areWarnings)
        let named = Report.className(of: root, among: SamplerName.allCases, \.className, &report)
        var configuration: SchedulerConfiguration?
        if let named {
            refuseFlowMatching(root, &report)
            configuration = SchedulerConfiguration.read(
                named.ownMembers(of: root, &report), into: &report, defaults: named.defaults)
        }
        try report.check(file: file)
        guard let configuration, let named else {
            throw Problems([Problem(.internal, "the configuration was not read", file: file)])
        }
        return (configuration, named, report.warnings.map { file.map($0.inFile) ?? $0 })
    }

    /// As `scheduler_config.json` of the class: with the keys that diffusers' class has.
    public func config(_ named: SamplerName, diffusersVersion: String) -> JSONNode {
        let keys = named.keys.union(Self.commonKeys)
        let members = (json.members ?? []).filter { keys.contains($0.name) }
        return JSONNode(.object(members)).asConfig(className: named.className, diffusersVersion: diffusersVersion)
    }

    /// The same model's scheduler for another algorithm, as diffusers' `from_config` makes it: what both classes have is kept,
    /// the rest takes the defaults of the other class.
    public func converted(to other: SamplerName) -> SchedulerConfiguration {
        guard other != sampler else { return self }
        var result = other.defaults
        let shared = Self.commonKeys.union(sampler.keys.intersection(other.keys))
        Overrides(of: self, keys: shared).apply(to: &result)
        if let first = other.solverTypes.first, !other.solverTypes.contains(result.solver.solverType) {
            result.solver.solverType = first
        }
        return result
    }

    /// diffusers writes `-Infinity` for "no bound", which is no JSON.
    private static func withoutInfinities(_ bytes: [UInt8]) -> [UInt8] {
        let (word, null) = (Array("-Infinity".utf8), Array("null     ".utf8))
        var result = bytes
        for start in bytes.indices where bytes[start] == word[0] && bytes[start...].starts(with: word) {
            result.replaceSubrange(start..<start + word.count, with: null)
        }
        return result
    }

    private static func refuseFlowMatching(_ root: JSONNode, _ report: inout Report) {
        guard root["use_flow_sigmas"]?.bool == true else { return }
        report.add(
            "the scheduler uses flow sigmas, which diffd has no models for",
            remedy: "Use a model of epsilon, x_0 or v prediction.", at: .root.member("use_flow_sigmas"),
            root["use_flow_sigmas"]?.place, code: .unsupported)
    }
}

extension SamplerName {
    /// The object without what changes nothing for this class: keys of other classes, which are warnings, and names for solvers
    /// that diffusers takes for the default one.
    fileprivate func ownMembers(of root: JSONNode, _ report: inout Report) -> JSONNode {
        let others = Set(SchedulerConfiguration.fields.map(\.key))
            .subtracting(keys).subtracting(SchedulerConfiguration.commonKeys)
        let own = (root.members ?? []).filter { member in
            if idleKeys.contains(member.name) || member.name == "use_flow_sigmas" { return false }
            if others.contains(member.name) {
                report.warn(
                    "\(className) has no key \"\(member.name)\"", remedy: "It is ignored.",
                    at: .root.member(member.name), member.place)
                return false
            }
            guard member.name == "solver_type", let name = member.node.string else { return true }
            return solverTypes.contains { $0.rawValue == name } || !Self.solverTypesOfOthers.contains(name)
        }
        return JSONNode(.object(own), place: root.place)
    }

    private static let solverTypesOfOthers = Set(SolverConfiguration.SolverType.allCases.map(\.rawValue) + ["logrho"])
}
