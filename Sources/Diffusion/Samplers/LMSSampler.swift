public import Configurations
public import Problems
public import TensorCore

/// The linear multistep method of Adams and Bashforth, of up to the fourth order, on the probability flow ODE in sigma.
public struct LMSSampler: Sampler {
    public let steps: [SamplingStep]
    public let levels: [NoiseLevel]
    public let initialNoiseSigma: Double
    private let path: [SigmaLevel]
    private let sigmas: [Double]

    private static let order = 4

    /// Parameters as in `EulerSampler`.
    public init(
        schedule: NoiseSchedule, configuration: SchedulerConfiguration, count: Int, skipping: Int = 0
    ) throws(Problem) {
        let chosen = try SigmaSchedule.continuous(schedule, configuration, count: count, skipping: skipping)
        sigmas = chosen.sigmas
        path = sigmas.dropLast().map { SigmaLevel($0, configuration.predictionType) }
        steps = chosen.timesteps.map(SamplingStep.init)
        levels = path.map(\.noise)
        initialNoiseSigma = chosen.initialNoiseSigma
    }

    public func modelInput(_ state: SamplerState) -> Tensor { state.x * Float(path[state.index].inputScale) }

    /// The state remembers the slopes of the last steps.
    public func advance(_ state: inout SamplerState, _ prediction: Tensor, _ noise: inout NoiseSource) {
        let level = path[state.index]
        let x0 = level.predictedSample(state.x, prediction)  // (N, ..., C)
        state.history.append((state.x - x0) * Float(1 / level.sigma))  // (N, ..., C)
        if state.history.count > Self.order { state.history.removeFirst() }
        let slopes = state.history.reversed()
        for (j, slope) in slopes.enumerated() {
            state.x = state.x + slope * Float(coefficient(j, of: slopes.count, step: state.index))
        }
        state.index += 1
    }

    /// The integral from sigma_i to sigma_i+1 of the polynomial that is 1 at sigma_i-j and 0 at the others of the last `order`
    /// levels. Its degree is at most 3, which two points of Gauss and Legendre integrate exactly.
    private func coefficient(_ j: Int, of order: Int, step i: Int) -> Double {
        func polynomial(_ sigma: Double) -> Double {
            (0..<order).filter { $0 != j }.reduce(1) { product, k in
                product * (sigma - sigmas[i - k]) / (sigmas[i - j] - sigmas[i - k])
            }
        }
        let (middle, half) = ((sigmas[i] + sigmas[i + 1]) / 2, (sigmas[i + 1] - sigmas[i]) / 2)
        let offset = half / 3.0.squareRoot()
        return half * (polynomial(middle - offset) + polynomial(middle + offset))
    }
}
