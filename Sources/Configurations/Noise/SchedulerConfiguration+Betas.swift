internal import Foundation
internal import StrictJSON

extension SchedulerConfiguration {
    /// beta_t for t in `0..<numTrainTimesteps`, before they are rescaled to zero terminal SNR.
    public var betas: [Double] {
        trainedBetas ?? betaSchedule.betas(count: numTrainTimesteps, from: betaStart, to: betaEnd)
    }

    /// Every beta lies in (0, 1), but the last may be 1; and before such an end some signal, sqrt(abar), is left that 32
    /// bits can hold, for samplers divide by it.
    func validateBetas(_ checks: inout Checks) {
        let betas = betas
        let rule = ["num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas"]
        let key =
            trainedBetas != nil ? "trained_betas" : numTrainTimesteps > 1000 ? "num_train_timesteps" : "beta_end"
        var signal = 1.0  // abar
        for (t, beta) in betas.enumerated() {
            if beta == 1, t > 0, t == betas.count - 1 { return }
            guard beta > 0, beta < 1 else {
                return checks.fail(
                    key, and: rule, "the noise schedule has beta \(beta) at timestep \(t)",
                    remedy: "Betas lie between 0 and 1; only the last of several may be 1.")
            }
            signal *= 1 - beta
            guard signal.squareRoot() >= Double(Float.leastNormalMagnitude) else {
                return checks.fail(
                    key, and: rule,
                    "the noise schedule leaves no signal from timestep \(t) of \(betas.count) on: 32 bits hold no "
                        + "square root of its alphas' product that small",
                    remedy: "Lower beta_end or num_train_timesteps; for an end without signal set "
                        + "rescale_betas_zero_snr.")
            }
        }
    }
}

extension SchedulerConfiguration.BetaSchedule {
    /// beta_t for t in `0..<count`, in Double.
    ///
    /// - Parameters:
    ///   - count: T, at least 1.
    ///   - start: beta of the first step. The cosine schedule has no use for either end; the constant one takes `end`.
    ///   - end: beta of the last step.
    public func betas(count: Int, from start: Double, to end: Double) -> [Double] {
        switch self {
        case .linear:
            // Ho et al. 2020, section 4.
            return evenlySpaced(count, from: start, to: end)
        case .scaledLinear, .quadratic:
            // Evenly spaced square roots (Rombach et al. 2022, appendix B).
            return evenlySpaced(count, from: start.squareRoot(), to: end.squareRoot()).map { $0 * $0 }
        case .cosine:
            // Nichol & Dhariwal 2021, equation 17: abar(t) = cos^2((t / T + s) / (1 + s) pi / 2), s = 0.008, beta <= 0.999.
            func cumulativeAlpha(_ t: Int) -> Double {
                let cosine = cos((Double(t) / Double(count) + 0.008) / 1.008 * .pi / 2)
                return cosine * cosine
            }
            return (0..<count).map { min(1 - cumulativeAlpha($0 + 1) / cumulativeAlpha($0), 0.999) }
        case .sigmoid:
            return evenlySpaced(count, from: -6, to: 6).map { (end - start) / (1 + exp(-$0)) + start }
        case .exponential:
            return (0..<count).map { start * pow(end / start, Double($0) / Double(count)) }
        case .constant:
            return [Double](repeating: end, count: count)
        }
    }
}

/// `count` numbers from `start` to `end` inclusive; `start` alone if there is only one.
private func evenlySpaced(_ count: Int, from start: Double, to end: Double) -> [Double] {
    (0..<count).map { start + (end - start) * Double($0) / Double(max(count - 1, 1)) }
}
