public import Configurations
public import Problems
public import TensorCore

/// Euler steps to below the next noise level, and noise up to it, as much as makes the step that of DDPM's posterior.
public struct EulerAncestralSampler: Sampler {
    public let steps: [SamplingStep]
    public let levels: [NoiseLevel]
    public let initialNoiseSigma: Double
    private let path: [SigmaLevel]
    private let moves: [AncestralMove]

    /// Parameters as in `EulerSampler`.
    public init(
        schedule: NoiseSchedule, configuration: SchedulerConfiguration, count: Int, skipping: Int = 0
    ) throws(Problem) {
        let chosen = try SigmaSchedule.continuous(schedule, configuration, count: count, skipping: skipping)
        path = chosen.sigmas.dropLast().map { SigmaLevel($0, configuration.predictionType) }
        moves = zip(chosen.sigmas, chosen.sigmas.dropFirst()).map { AncestralMove(from: $0, to: $1) }
        steps = chosen.timesteps.map(SamplingStep.init)
        levels = path.map(\.noise)
        initialNoiseSigma = chosen.initialNoiseSigma
    }

    public func modelInput(_ state: SamplerState) -> Tensor { state.x * Float(path[state.index].inputScale) }

    public func advance(_ state: inout SamplerState, _ prediction: Tensor, _ noise: inout NoiseSource) {
        let x0 = path[state.index].predictedSample(state.x, prediction)  // (N, ..., C)
        let drawn = noise.next(state.x.shape, step: state.index, on: state.x.device)
        state.x = moves[state.index](state.x, x0, drawn)  // (N, ..., C)
        state.index += 1
    }
}

/// From one noise level to a lower one, part of the way by adding noise: x becomes x_0 + (x - x_0) * down / from + up * noise with
/// down^2 + up^2 = to^2 and up^2 = to^2 (from^2 - to^2) / from^2.
struct AncestralMove: Sendable {
    private let ratio: Double
    private let up: Double

    init(from: Double, to: Double) {
        up = min(to, (to * to * (from * from - to * to)).squareRoot() / from)
        ratio = (to * to - up * up).squareRoot() / from
    }

    func callAsFunction(_ x: Tensor, _ x0: Tensor, _ noise: Tensor) -> Tensor {
        x0 * Float(1 - ratio) + x * Float(ratio) + noise * Float(up)
    }
}
