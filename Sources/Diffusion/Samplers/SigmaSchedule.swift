internal import Configurations
internal import Foundation
internal import Problems

/// The noise levels that a sampler goes through: sigma = sqrt(1 - abar) / sqrt(abar), the noise beside a whole signal (Karras et
/// al. 2022), and what the denoiser is told at each.
///
/// diffusers has two ways to choose them, and so have we: solvers of k-diffusion's kind go between any levels of the schedule
/// and tell fractions of timesteps; multistep solvers in log SNR go between trained timesteps.
struct SigmaSchedule: Sendable {
    private(set) var timesteps: [Double]
    /// One more than there are timesteps: the last is where the last step ends.
    private(set) var sigmas: [Double]
    /// What unit noise is multiplied by to begin with, where x is the signal plus sigma times noise.
    let initialNoiseSigma: Double
    private let trainedLogarithms: [Double]

    /// The way of Euler's, Heun's and the linear multistep method.
    ///
    /// - Parameter skipping: how many of the `count` levels are left out at the beginning.
    static func continuous(
        _ schedule: NoiseSchedule, _ c: SchedulerConfiguration, count: Int, skipping: Int
    ) throws(Problem) -> SigmaSchedule {
        let trained = Self.trained(schedule)
        var timesteps = try c.timestepSpacing.timesteps(count, of: schedule.count, offset: c.stepsOffset).map(
            Double.init)
        if c.timestepSpacing == .linspace, count > 1 {
            let stride = Double(schedule.count - 1) / Double(count - 1)
            timesteps = (0..<count).reversed().map { Double($0) * stride }
        }
        var sigmas = timesteps.map { interpolate(trained, at: $0) }
        var final = c.solver.finalSigmasType == .zero ? 0 : trained[0]
        if c.solver.interpolationType == .logLinear {
            sigmas = SigmaSpacing.exponential.sigmas(count + 1, from: trained[trained.count - 1], to: trained[0])
            final = sigmas.removeLast()
        }
        let logarithms = trained.map { log($0) }
        if let spacing = SigmaSpacing(c.solver) {
            sigmas = spacing.sigmas(
                count, from: c.solver.sigmaMax ?? sigmas[0], to: c.solver.sigmaMin ?? sigmas[sigmas.count - 1])
            timesteps = sigmas.map { timestep(of: $0, among: logarithms) }
            final = c.solver.finalSigmasType == .zero ? 0 : trained[0]
        }
        if c.solver.timestepType == .continuous, c.predictionType == .vPrediction {
            timesteps = sigmas.map { log($0) / 4 }
        }
        let highest = sigmas.max() ?? 1
        return SigmaSchedule(
            timesteps: Array(timesteps.dropFirst(skipping)), sigmas: sigmas.dropFirst(skipping) + [final],
            initialNoiseSigma: c.timestepSpacing == .leading ? (highest * highest + 1).squareRoot() : highest,
            trainedLogarithms: logarithms)
    }

    /// The way of DPM-Solver, DEIS and UniPC.
    static func multistep(
        _ schedule: NoiseSchedule, _ c: SchedulerConfiguration, count: Int, skipping: Int
    ) throws(Problem) -> SigmaSchedule {
        let trained = Self.trained(schedule)
        let logarithms = trained.map { log($0) }
        // lambda = -log sigma.
        let usable = c.solver.lambdaMinClipped.map { bound in logarithms.count { -$0 >= bound } } ?? schedule.count
        var timesteps = try multistepTimesteps(count, of: schedule.count, usable: usable, c).map(Double.init)
        var sigmas = timesteps.map { interpolate(trained, at: $0) }
        var lowest = trained[0]
        if let spacing = SigmaSpacing(c.solver) {
            sigmas = spacing.sigmas(
                count, from: c.solver.sigmaMax ?? trained[trained.count - 1], to: c.solver.sigmaMin ?? trained[0])
            timesteps = sigmas.map { whole(timestep(of: $0, among: logarithms), spacing, c) }
            if c.sampler != .dpmpp2M { lowest = sigmas[sigmas.count - 1] }
        }
        let final = c.sampler != .deis && c.solver.finalSigmasType == .zero ? 0 : lowest
        return SigmaSchedule(
            timesteps: Array(timesteps.dropFirst(skipping)), sigmas: sigmas.dropFirst(skipping) + [final],
            initialNoiseSigma: 1, trainedLogarithms: logarithms)
    }

    /// The timestep at which the schedule has this noise, between the trained ones linearly in log sigma.
    func timestep(of sigma: Double) -> Double { Self.timestep(of: sigma, among: trainedLogarithms) }

    /// sigma at each trained timestep, ascending. Where abar is 0, as diffusers has it, that of abar = 2^-24.
    private static func trained(_ schedule: NoiseSchedule) -> [Double] {
        schedule.alphasCumprod.map { cumulative in
            let cumulative = cumulative == 0 ? 0x1p-24 : cumulative
            return ((1 - cumulative) / cumulative).squareRoot()
        }
    }

    private static func interpolate(_ values: [Double], at place: Double) -> Double {
        let below = min(max(Int(place), 0), values.count - 1)
        let above = min(below + 1, values.count - 1)
        return values[below] + (place - Double(below)) * (values[above] - values[below])
    }

    private static func timestep(of sigma: Double, among logarithms: [Double]) -> Double {
        guard logarithms.count > 1 else { return 0 }
        let logarithm = log(max(sigma, 1e-10))
        let reached = logarithms.lastIndex { $0 <= logarithm } ?? 0
        let low = min(reached, logarithms.count - 2)
        let weight = (logarithms[low] - logarithm) / (logarithms[low] - logarithms[low + 1])
        return Double(low) + min(max(weight, 0), 1)
    }

    /// diffusers' choice of `count` of the first `usable` trained timesteps, descending, with room left for a last one.
    private static func multistepTimesteps(
        _ count: Int, of trained: Int, usable: Int, _ c: SchedulerConfiguration
    ) throws(Problem) -> [Int] {
        guard count < usable || c.timestepSpacing == .trailing && count <= usable else {
            throw Problem(
                .invalid,
                "\(count.of("step")) of \(c.sampler.rawValue), which goes between \(usable) trained timesteps",
                remedy: usable > 1
                    ? "Use at most \((usable - 1).of("step"))."
                    : "Lower lambda_min_clipped, or use ddpm or ddim with a model of a single timestep.",
                path: "$.sampler.steps")
        }
        switch c.timestepSpacing {
        case .linspace:
            return (1...count).reversed().map {
                Int((Double($0) * (Double(usable - 1) / Double(count))).rounded(.toNearestOrEven))
            }
        case .leading:
            let stride = usable / (count + 1)
            guard count * stride + c.stepsOffset < trained else {
                throw Problem(
                    .invalid, "steps_offset \(c.stepsOffset) leads past the last of \(trained) timesteps",
                    remedy: "Use 0 or 1, or fewer steps.")
            }
            return (1...count).reversed().map { $0 * stride + c.stepsOffset }
        case .trailing:
            let stride = Double(trained) / Double(count)
            return (0..<count).map { Double(usable) - Double($0) * stride }.filter { $0 > 0 }
                .map { max(Int($0.rounded(.toNearestOrEven)) - 1, 0) }
        }
    }

    /// Multistep solvers tell whole timesteps; diffusers rounds some and cuts off others.
    private static func whole(_ timestep: Double, _ spacing: SigmaSpacing, _ c: SchedulerConfiguration) -> Double {
        switch spacing {
        case .karras, .lu:
            c.sampler == .dpmpp2M && c.betaSchedule == .cosine
                ? timestep.rounded(.down) : timestep.rounded(.toNearestOrEven)
        case .exponential, .beta: timestep.rounded(.down)
        }
    }
}

/// A level of a sampler whose x is x_0 + sigma * noise.
struct SigmaLevel: Sendable {
    let sigma: Double
    /// From the model's output, and x as it is.
    let predictedSample: LinearCombination
    /// What x is multiplied by to be as in training, where signal^2 + noise^2 = 1.
    let inputScale: Double

    init(_ sigma: Double, _ predictionType: PredictionType) {
        self.sigma = sigma
        inputScale = 1 / (sigma * sigma + 1).squareRoot()
        var conversion = predictionType.conversion(to: .sample, signal: inputScale, noise: sigma * inputScale)
        conversion.noisy *= inputScale
        predictedSample = conversion
    }

    var noise: NoiseLevel { NoiseLevel(signal: 1, noise: sigma) }
}
