internal import Configurations
internal import Diffusion

extension SettledSampler {
    /// The sampler itself.
    ///
    /// - Parameter strength: the share of the steps that is taken, the last ones, in 0...1.
    /// - Throws: a `Problem` where the number of steps or the schedule makes sampling impossible.
    func sampler(strength: Double = 1) throws -> any Sampler {
        try name.sampler(over: scheduler, steps: options.steps, eta: options.eta, strength: strength)
    }
}
