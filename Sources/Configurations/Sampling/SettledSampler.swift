public import Problems
internal import StrictJSON

/// The sampler that is usual for a model.
public struct UsualSampler: Sendable, Hashable {
    public var name: SamplerName
    public var steps: Int

    public init(_ name: SamplerName, steps: Int) { (self.name, self.steps) = (name, steps) }

    /// For models without words.
    public static let plain = UsualSampler(.ddim, steps: 50)
}

/// The sampler of a job over its model's noise schedule: what the job says, completed by what is usual for the model.
public struct SettledSampler: Sendable, Hashable {
    public let name: SamplerName
    /// The job's options, with what they leave to the model.
    public let options: SamplerOptions
    /// The model's scheduler as this sampler uses it.
    public let scheduler: SchedulerConfiguration

    /// - Throws: a `Problem` where the options contradict the sampler or the model's scheduler.
    public init(
        _ options: SamplerOptions, usual: UsualSampler, over scheduler: SchedulerConfiguration
    ) throws(Problem) {
        let name = options.name ?? usual.name
        var settled = options
        settled.name = name
        if options.name == nil { settled.steps = options.steps ?? usual.steps }
        if let misfit = settled.misfits(with: name).first { throw misfit.within("sampler").problem }
        if scheduler.rescaleBetasZeroSNR, !name.keys.contains("rescale_betas_zero_snr") {
            throw Problem(
                .unsupported,
                "the sampler \(name.rawValue) cannot follow the model's schedule, which ends without signal",
                remedy: "Use ddpm, ddim, euler, euler_ancestral, dpmpp_2m or unipc.", path: "$.sampler.name")
        }
        var own = scheduler.converted(to: name)
        settled.overrides.apply(to: &own)
        do { try own.check() } catch {
            var problem = error.all[0]
            problem.path = problem.path.map { "$.sampler" + $0.dropFirst() }
            throw problem
        }
        (self.name, self.options, self.scheduler) = (name, settled, own)
    }
}
