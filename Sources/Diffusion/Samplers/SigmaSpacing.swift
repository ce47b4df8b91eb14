internal import Configurations
internal import Foundation

/// Noise levels laid out between a highest and a lowest one.
enum SigmaSpacing: Sendable {
    /// Evenly in sigma^(1/7) (Karras et al. 2022, equation 5).
    case karras
    /// By a constant factor.
    case exponential
    /// Evenly in log sigma, as above: diffusers tells the denoiser other timesteps for it (Lu et al. 2022).
    case lu
    /// By quantiles of the distribution Beta(0.6, 0.6), dense at both ends (Lee et al. 2024).
    case beta

    init?(_ solver: SolverConfiguration) {
        if solver.useKarrasSigmas {
            self = .karras
        } else if solver.useLuLambdas {
            self = .lu
        } else if solver.useExponentialSigmas {
            self = .exponential
        } else if solver.useBetaSigmas {
            self = .beta
        } else {
            return nil
        }
    }

    /// `count` levels, descending from `high` to `low`; `high` alone if there is only one.
    func sigmas(_ count: Int, from high: Double, to low: Double) -> [Double] {
        let ramp = (0..<count).map { Double($0) / Double(max(count - 1, 1)) }
        switch self {
        case .karras:
            let (a, b) = (pow(high, 1 / 7), pow(low, 1 / 7))
            return ramp.map { pow(a + $0 * (b - a), 7) }
        case .exponential, .lu:
            return ramp.map { exp(log(high) + $0 * (log(low) - log(high))) }
        case .beta:
            let distribution = BetaDistribution(0.6, 0.6)
            return ramp.map { low + distribution.quantile(1 - $0) * (high - low) }
        }
    }
}

/// The beta distribution on 0...1.
package struct BetaDistribution: Sendable {
    private let a: Double
    private let b: Double

    /// - Parameters: both above 0.
    package init(_ a: Double, _ b: Double) {
        self.a = a
        self.b = b
    }

    /// The x below which a share `p` of the distribution lies.
    package func quantile(_ p: Double) -> Double {
        guard p > 0, p < 1 else { return p <= 0 ? 0 : 1 }
        var (low, high) = (0.0, 1.0)
        // Bisection down to the spacing of doubles.
        while case let middle = (low + high) / 2, middle > low, middle < high {
            if cumulative(middle) < p { low = middle } else { high = middle }
        }
        return high
    }

    /// The regularized incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22) where that converges fast.
    func cumulative(_ x: Double) -> Double {
        guard x > 0, x < 1 else { return x <= 0 ? 0 : 1 }
        guard x <= (a + 1) / (a + b + 2) else { return 1 - BetaDistribution(b, a).cumulative(1 - x) }
        let front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x)) / a
        // Evaluated from its tail: terms fall off geometrically.
        var fraction = 1.0
        for m in (1...60).reversed() {
            let k = Double(m)
            let even = k * (b - k) * x / ((a + 2 * k - 1) * (a + 2 * k))
            let odd = -(a + k) * (a + b + k) * x / ((a + 2 * k) * (a + 2 * k + 1))
            fraction = 1 + even / (1 + odd / fraction)
        }
        let first = -(a + b) * x / (a + 1)
        return front / (1 + first / fraction)
    }
}
