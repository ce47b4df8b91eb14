public import Configurations
public import Problems

/// The forward process q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I) of Ho et al. 2020, equation 4, for t in
/// `0..<count`. All in Double; samplers and objectives round once, when they multiply tensors.
public struct NoiseSchedule: Sendable, Hashable {
    /// beta_t, the variance that step t adds. In (0, 1); the last may be 1 (zero terminal signal).
    public let betas: [Double]
    /// alpha_t = 1 - beta_t.
    public let alphas: [Double]
    /// abar_t, the product of alpha_0 ... alpha_t.
    public let alphasCumprod: [Double]

    /// T, the number of timesteps.
    public var count: Int { betas.count }

    /// The schedule that a scheduler's configuration describes.
    ///
    /// - Throws: a `Problem` where a beta would not lie in (0, 1).
    public init(_ configuration: SchedulerConfiguration) throws(Problem) {
        let betas = configuration.betas
        try self.init(betas: configuration.rescaleBetasZeroSNR ? Self.rescaledToZeroTerminalSNR(betas) : betas)
    }

    /// - Throws: a `Problem` unless every beta lies in (0, 1), the last in (0, 1].
    public init(betas: [Double]) throws(Problem) {
        precondition(!betas.isEmpty, "a noise schedule has at least one timestep")
        for (t, beta) in betas.enumerated() {
            guard beta > 0, beta < 1 || (beta == 1 && t > 0 && t == betas.count - 1) else {
                throw Problem(
                    .invalid, "The noise schedule has beta \(beta) at timestep \(t)",
                    remedy: "Betas lie strictly between 0 and 1; only the last of several may be 1.")
            }
        }
        self.betas = betas
        alphas = betas.map { 1 - $0 }
        alphasCumprod = alphas.reduce(into: []) { products, alpha in products.append((products.last ?? 1) * alpha) }
    }

    /// sqrt(abar_t), the share of x_0 in x_t.
    public func signal(_ t: Int) -> Double { alphasCumprod[t].squareRoot() }

    /// sqrt(1 - abar_t), the share of the noise in x_t.
    public func noise(_ t: Int) -> Double { (1 - alphasCumprod[t]).squareRoot() }

    /// Signal-to-noise ratio abar_t / (1 - abar_t); 0 at the end of a schedule of zero terminal signal.
    public func signalToNoise(_ t: Int) -> Double { alphasCumprod[t] / (1 - alphasCumprod[t]) }

    /// Whether x_T-1 is nothing but noise.
    public var hasZeroTerminalSNR: Bool { alphasCumprod.last == 0 }

    /// Betas whose sqrt(abar_t) is shifted and scaled to end in 0 and to begin as before (Lin et al. 2023, algorithm 1).
    static func rescaledToZeroTerminalSNR(_ betas: [Double]) throws(Problem) -> [Double] {
        guard betas.count > 1 else {
            throw Problem(
                .invalid, "rescale_betas_zero_snr with a single timestep leaves nothing of the picture",
                remedy: "Use at least 2 timesteps.")
        }
        var product = 1.0
        let signals = betas.map { beta in
            product *= 1 - beta
            return product.squareRoot()
        }
        let (first, last) = (signals[0], signals[signals.count - 1])
        let cumulative = signals.map { signal in
            let rescaled = (signal - last) * (first / (first - last))
            return rescaled * rescaled
        }
        return cumulative.indices.map { t in t == 0 ? 1 - cumulative[0] : 1 - cumulative[t] / cumulative[t - 1] }
    }
}
