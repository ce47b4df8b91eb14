internal import Foundation
internal import TensorCore

/// The bound as a loss of a model that learns the variance of its reverse steps: differentiable, the mean over a batch.
extension VariationalBound {
    /// The mean over samples and elements of L_t: KL(q(x_t-1 | x_t, x_0) || p(x_t-1 | x_t)), and -log p(x_0 | x_1) at t
    /// = 0.
    ///
    /// - Parameters:
    ///   - x0: (N, ..., C) in [-1, 1].
    ///   - xt: `x0` with the noise of its timestep.
    ///   - output: the first half of the model's channels, which says the mean.
    ///   - share: the second half: where the log variance lies between the posterior's, -1, and log beta_t, 1.
    func callAsFunction(_ x0: Tensor, _ xt: Tensor, _ output: Tensor, _ share: Tensor, at timesteps: [Int]) -> Tensor {
        func column(_ value: (Int) -> Double) -> Tensor { self.column(timesteps, like: x0, value) }
        let predicted = sample(from: output, xt, at: timesteps)  // (N, ..., C)
        let weight = column(schedule.posteriorSampleWeight)
        let (low, high) = (posterior, schedule.betas.map { log($0) })
        let logVariance = share * column { (high[$0] - low[$0]) / 2 } + column { (high[$0] + low[$0]) / 2 }
        let precision = (logVariance * -1).exp()
        let difference = (x0 - predicted) * weight
        let squares = difference.squared() + column { exp(low[$0]) }
        var terms = (logVariance + squares * precision - column { low[$0] + 1 }) * 0.5  // (N, ..., C)
        if timesteps.contains(0) {
            let mean = x0 - difference  // at t = 0 the posterior's mean is x_0 itself
            let decoder = negativeLogLikelihood(of: x0, mean, logVariance)
            terms = terms * column { $0 == 0 ? 0 : 1 } + decoder * column { $0 == 0 ? 1 : 0 }
        }
        return terms.mean() * Float(1 / M_LN2)
    }

    /// -log p(x_0) where each of 256 levels in [-1, 1] has the probability that a normal gives to its interval (Ho et
    /// al. 2020, equation 13), with the usual approximation of the normal's distribution by tanh.
    private func negativeLogLikelihood(of x0: Tensor, _ mean: Tensor, _ logVariance: Tensor) -> Tensor {
        let centred = x0 - mean
        let inverse = (logVariance * -0.5).exp()
        let least: Float = 1e-12
        let upper = cumulative((centred + 1 / 255) * inverse)
        let lower = cumulative((centred - 1 / 255) * inverse)
        let values = x0.array()
        func mask(_ isIn: (Float) -> Bool) -> Tensor {
            Tensor(values.map { isIn($0) ? 1 : 0 }, shape: x0.shape, on: x0.device)
        }
        let range = least...Float(1)
        let atBottom = upper.clamped(to: range).log() * mask { $0 < -0.999 }
        let atTop = (1 - lower).clamped(to: range).log() * mask { $0 > 0.999 }
        let between = (upper - lower).clamped(to: range).log() * mask { abs($0) <= 0.999 }
        return (atBottom + atTop + between) * -1
    }

    private func cumulative(_ x: Tensor) -> Tensor {
        let cubic = x + x.squared() * x * 0.044715
        return (cubic * Float((2 / Double.pi).squareRoot())).tanh() * 0.5 + 0.5
    }
}
