internal import Foundation
public import TensorCore

/// The bound of a trained model, for each sample by itself.
///
/// Sums over a sample are taken in double: the terms of late timesteps are as small as the rounding of a float.
extension VariationalBound {
    /// What a timestep adds to the bound, and how far the prediction is off.
    public struct Term: Sendable, Hashable {
        /// KL(q(x_t-1 | x_t, x_0) || p(x_t-1 | x_t)), or -log p(x_0 | x_1) at timestep 0.
        public var bits: Double
        /// Mean squared error of the predicted x_0.
        public var sampleError: Double
        /// Mean squared error of the noise that follows from it.
        public var noiseError: Double
    }

    /// L_T: KL(q(x_T | x_0) || N(0, I)) of each sample.
    ///
    /// - Parameter x0: (N, ..., C) in [-1, 1].
    public func prior(_ x0: Tensor) -> [Double] {
        let signal = schedule.alphasCumprod[schedule.count - 1]
        // log of the variance 1 - abar_T, exact where abar_T is next to nothing.
        let constant = -signal - log1p(-signal)
        return eachSample(of: x0) { x0, range in
            let squares = range.reduce(0) { $0 + Double(x0[$1]) * Double(x0[$1]) } / Double(range.count)
            return (constant + signal * squares) / 2 / M_LN2
        }
    }

    /// L_t-1 of each sample, L_0 at timestep 0.
    ///
    /// - Parameters:
    ///   - output: of the model for `xt`, (N, ..., C), or (N, ..., 2 C) where it says the variance too.
    ///   - x0: (N, ..., C) in [-1, 1], one of 256 levels.
    ///   - xt: `schedule.addNoise(x0, noise, at: timesteps)`.
    public func terms(_ output: Tensor, x0: Tensor, xt: Tensor, at timesteps: [Int]) -> [Term] {
        let (axis, channels) = (x0.shape.rank - 1, x0.shape.last)
        func half(_ range: Range<Int>) -> Tensor {
            output.shape.last == range.count ? output : output.sliced(axis: axis, range)
        }
        let predicted = clipping(sample(from: half(0..<channels), xt, at: timesteps)).array()  // (N, ..., C)
        let shares = learnsVariance ? half(channels..<2 * channels).array() : []  // (N, ..., C)
        var sample = 0
        return eachSample(of: x0) { x0, range in
            let t = timesteps[sample]
            sample += 1
            // Where the log variance lies above the posterior's.
            let span = (fixedLogVariances?[t] ?? log(schedule.betas[t])) - posterior[t]
            let weight = schedule.posteriorSampleWeight(t)
            var (nats, errors) = (0.0, 0.0)
            for index in range {
                let difference = Double(x0[index]) - Double(predicted[index])
                let excess = shares.isEmpty ? span : span * (Double(shares[index]) + 1) / 2
                errors += difference * difference
                if t == 0 {
                    // The mean is the predicted x_0.
                    let deviation = exp((posterior[0] + excess) / 2)
                    nats -= Self.logLikelihood(of: Double(x0[index]), off: difference, deviation)
                } else {
                    let distance = weight * difference
                    nats += (excess + expm1(-excess) + exp(-excess - posterior[t]) * distance * distance) / 2
                }
            }
            let count = Double(range.count)
            return Term(
                bits: nats / count / M_LN2, sampleError: errors / count,
                // x_t = s x_0 + n epsilon holds for both pairs.
                noiseError: errors / count * schedule.signalToNoise(t))
        }
    }

    /// log p(x_0) where each of 256 levels in [-1, 1] has the probability that a normal gives to its interval, the outer ones being
    /// open (Ho et al. 2020, equation 13); the distribution of a normal by tanh and the least probability are those of the authors'
    /// code, so that figures compare.
    private static func logLikelihood(of x0: Double, off difference: Double, _ deviation: Double) -> Double {
        func cumulative(_ x: Double) -> Double {
            let z = x / deviation
            return (1 + tanh((2 / Double.pi).squareRoot() * (z + 0.044715 * z * z * z))) / 2
        }
        let lower = x0 < -0.999 ? 0 : cumulative(difference - 1 / 255)
        let upper = x0 > 0.999 ? 1 : cumulative(difference + 1 / 255)
        return log(max(upper - lower, 1e-12))
    }

    private func eachSample<Result>(of x: Tensor, _ body: (Span<Float>, Range<Int>) -> Result) -> [Result] {
        let size = x.elementCount / max(x.shape[0], 1)
        return x.withSpan { values in (0..<x.shape[0]).map { body(values, $0 * size..<($0 + 1) * size) } }
    }
}
