internal import Foundation

/// The posterior q(x_t-1 | x_t, x_0) of the forward process (Ho et al. 2020, equations 6 and 7).
extension NoiseSchedule {
    /// log of its variance at each timestep; at 0, where that is 0, the next one's.
    var posteriorLogVariances: [Double] {
        let logarithms = (1..<max(count, 2)).map { t in
            t < count ? log(betas[t] * (1 - alphasCumprod[t - 1]) / (1 - alphasCumprod[t])) : log(betas[0])
        }
        return [logarithms[0]] + logarithms
    }

    /// What multiplies x_0 in its mean; 1 at timestep 0.
    func posteriorSampleWeight(_ t: Int) -> Double {
        let previous = t == 0 ? 1 : alphasCumprod[t - 1]
        return previous.squareRoot() * betas[t] / (1 - alphasCumprod[t])
    }
}
