internal import Configurations
internal import Diffusion

extension SchedulerConfiguration {
    /// The same noise schedule in terms that both schedulers of diffusers know: where DDPM or DDIM lacks the formula, the
    /// betas are written out.
    var portable: SchedulerConfiguration {
        switch betaSchedule {
        case .linear, .scaledLinear, .cosine: return self
        case .sigmoid, .quadratic, .exponential, .constant:
            var copy = self
            copy.trainedBetas = betas
            return copy
        }
    }
}
