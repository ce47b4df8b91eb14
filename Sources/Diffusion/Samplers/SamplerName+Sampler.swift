public import Configurations
public import Problems

extension SamplerName {
    /// The sampler of this name over a model's noise schedule.
    ///
    /// - Parameters:
    ///   - configuration: of the noise schedule, converted to this sampler.
    ///   - steps: how many; nil: every step of the schedule.
    ///   - eta: DDIM's share of noise; the other samplers have none.
    ///   - strength: the share of the steps that is taken, the last ones, in 0...1.
    /// - Throws: a `Problem` if the schedule, the number of steps or the prediction type makes sampling impossible.
    public func sampler(
        over configuration: SchedulerConfiguration, steps: Int?, eta: Double = 0, strength: Double = 1
    ) throws(Problem) -> any Sampler {
        let count = steps ?? configuration.numTrainTimesteps
        let skipping = count - Int(Double(count) * strength)
        guard skipping < count else {
            throw Problem(
                .invalid, "strength \(strength) of \(count) steps leaves none",
                remedy: "Use more steps, or more strength.",
                path: "$.strength")
        }
        return try sampler(over: configuration, steps: steps, eta: eta, skipping: skipping)
    }

    /// The same, but for its first steps.
    ///
    /// - Parameter skipping: how many of the steps are left out, fewer than all.
    public func sampler(
        over configuration: SchedulerConfiguration, steps: Int?, eta: Double = 0, skipping: Int
    ) throws(Problem) -> any Sampler {
        let schedule = try NoiseSchedule(configuration)
        let count = steps ?? schedule.count
        return switch self {
        case .ddpm: try DDPMSampler(schedule: schedule, configuration: configuration, count: count, skipping: skipping)
        case .ddim:
            try DDIMSampler(
                schedule: schedule, configuration: configuration, count: count, eta: eta, skipping: skipping)
        case .euler:
            try EulerSampler(schedule: schedule, configuration: configuration, count: count, skipping: skipping)
        case .eulerAncestral:
            try EulerAncestralSampler(
                schedule: schedule, configuration: configuration, count: count, skipping: skipping)
        case .heun: try HeunSampler(schedule: schedule, configuration: configuration, count: count, skipping: skipping)
        case .dpmpp2M:
            try DPMSolverMultistepSampler(
                schedule: schedule, configuration: configuration, count: count, skipping: skipping)
        case .dpmppSDE:
            try DPMSolverSDESampler(schedule: schedule, configuration: configuration, count: count, skipping: skipping)
        case .pndm: try PNDMSampler(schedule: schedule, configuration: configuration, count: count, skipping: skipping)
        case .deis: try DEISSampler(schedule: schedule, configuration: configuration, count: count, skipping: skipping)
        case .unipc:
            try UniPCSampler(schedule: schedule, configuration: configuration, count: count, skipping: skipping)
        case .lms: try LMSSampler(schedule: schedule, configuration: configuration, count: count, skipping: skipping)
        }
    }
}
