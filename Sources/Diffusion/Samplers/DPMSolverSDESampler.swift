public import Configurations
public import Problems
public import TensorCore

/// Stochastic DPM-Solver++ of the second order: an ancestral step to the middle in log sigma, and one over the whole with the x_0
/// that the denoiser sees there. The noise of the second step contains that of the first, as a Brownian motion's does.
public struct DPMSolverSDESampler: Sampler {
    public let steps: [SamplingStep]
    public let levels: [NoiseLevel]
    public let initialNoiseSigma: Double
    private let calls: [Call]

    private struct Call: Sendable {
        let level: SigmaLevel
        let kind: Kind

        enum Kind: Sendable {
            /// To the middle. The state remembers x and the noise.
            case first(AncestralMove)
            /// From the beginning to the end; the shares of the first call's noise and of new noise.
            case second(AncestralMove, first: Double, new: Double)
            /// To sigma 0 at once.
            case last
        }
    }

    /// Parameters as in `EulerSampler`.
    public init(
        schedule: NoiseSchedule, configuration: SchedulerConfiguration, count: Int, skipping: Int = 0
    ) throws(Problem) {
        let chosen = try SigmaSchedule.continuous(schedule, configuration, count: count, skipping: skipping)
        let type = configuration.predictionType
        var calls: [Call] = []
        var timesteps: [Double] = []
        for (i, timestep) in chosen.timesteps.enumerated() {
            let (sigma, next) = (chosen.sigmas[i], chosen.sigmas[i + 1])
            timesteps.append(timestep)
            guard next > 0 else {
                calls.append(Call(level: SigmaLevel(sigma, type), kind: .last))
                break
            }
            let middle = (sigma * next).squareRoot()
            timesteps.append(chosen.timestep(of: middle))
            calls.append(Call(level: SigmaLevel(sigma, type), kind: .first(AncestralMove(from: sigma, to: middle))))
            calls.append(
                Call(
                    level: SigmaLevel(middle, type),
                    kind: .second(
                        AncestralMove(from: sigma, to: next), first: ((sigma - middle) / (sigma - next)).squareRoot(),
                        new: ((middle - next) / (sigma - next)).squareRoot())))
        }
        self.calls = calls
        steps = timesteps.map(SamplingStep.init)
        levels = calls.map(\.level.noise)
        initialNoiseSigma = chosen.initialNoiseSigma
    }

    public func modelInput(_ state: SamplerState) -> Tensor { state.x * Float(calls[state.index].level.inputScale) }

    public func advance(_ state: inout SamplerState, _ prediction: Tensor, _ noise: inout NoiseSource) {
        let call = calls[state.index]
        let x0 = call.level.predictedSample(state.x, prediction)  // (N, ..., C)
        func draw() -> Tensor { noise.next(state.x.shape, step: state.index, on: state.x.device) }
        switch call.kind {
        case .first(let move):
            let drawn = draw()
            state.history = [state.x, drawn]
            state.x = move(state.x, x0, drawn)
        case .second(let move, let first, let new):
            state.x = move(state.history[0], x0, state.history[1] * Float(first) + draw() * Float(new))
            state.history = []
        case .last:
            state.x = x0
        }
        state.index += 1
    }
}
