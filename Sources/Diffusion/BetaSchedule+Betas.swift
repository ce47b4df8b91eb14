public import Configurations
internal import Foundation

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
