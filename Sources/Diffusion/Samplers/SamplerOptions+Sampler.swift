public import Configurations
public import Problems

extension SamplerOptions {
    /// The sampler that these options choose, over the schedule of the model.
    ///
    /// - Parameter scheduler: the model's `scheduler_config.json`; what these options set takes precedence.
    /// - Throws: a `Problem` if the schedule, the number of steps or the prediction type makes sampling impossible.
    public func sampler(for scheduler: SchedulerConfiguration) throws(Problem) -> any Sampler {
        let configuration = applied(to: scheduler)
        let schedule = try NoiseSchedule(configuration)
        let count = steps ?? schedule.count
        return switch name {
        case .ddpm: try DDPMSampler(schedule: schedule, configuration: configuration, count: count)
        case .ddim: try DDIMSampler(schedule: schedule, configuration: configuration, count: count, eta: eta)
        }
    }
}
