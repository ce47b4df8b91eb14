internal import Configurations
internal import Diffusion

extension SamplerOptions {
    /// The sampler that a job asks for.
    ///
    /// - Parameters:
    ///   - scheduler: the model's `scheduler_config.json`; what these options set takes precedence.
    ///   - strength: the share of the steps that is taken, the last ones, in 0...1.
    /// - Throws: a `Problem` where these options do not go with the model's scheduler.
    func sampler(for scheduler: SchedulerConfiguration, strength: Double = 1) throws -> any Sampler {
        try name.sampler(over: checked(for: scheduler), steps: steps, eta: eta, strength: strength)
    }
}
