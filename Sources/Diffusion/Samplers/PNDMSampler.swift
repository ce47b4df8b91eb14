public import Configurations
public import Problems
public import TensorCore

/// Pseudo numerical methods (Liu et al. 2022): linear multistep of the fourth order on the manifold that equation 9 describes, begun
/// with three Runge-Kutta steps of four calls each, or without them (`skip_prk_steps`) with lower orders.
public struct PNDMSampler: Sampler {
    public let steps: [SamplingStep]
    public let levels: [NoiseLevel]
    private let calls: [Call]

    private struct Call: Sendable {
        let kind: Kind
        let transfer: Transfer

        enum Kind: Sendable {
            /// One of the four calls of a Runge-Kutta step; the state remembers the slopes of the steps, then x at the step's
            /// beginning and the weighted slopes so far.
            case rungeKutta(Int)
            /// The state remembers the last slopes.
            case multistep
            /// The first multistep call where there are no Runge-Kutta steps; x is remembered too.
            case first
            /// The first step again, with the mean of the slopes at both ends.
            case again
        }
    }

    /// Equation 9: from x_t and the slope to x at another timestep.
    private struct Transfer: Sendable {
        let x: Double
        let slope: Double
        /// epsilon from x_t and the slope, which is the model's output.
        let noise: LinearCombination

        func callAsFunction(_ x: Tensor, _ slope: Tensor) -> Tensor {
            x * Float(self.x) + noise(x, slope) * Float(self.slope)
        }
    }

    /// Parameters as in `EulerSampler`; `skip_prk_steps` and `set_alpha_to_one` count here.
    ///
    /// - Throws: a `Problem` for fewer steps than the Runge-Kutta steps need.
    public init(
        schedule: NoiseSchedule, configuration: SchedulerConfiguration, count: Int, skipping: Int = 0
    ) throws(Problem) {
        let all = try configuration.timestepSpacing.timesteps(
            count, of: schedule.count, offset: configuration.stepsOffset)
        let timesteps = Array(all.dropFirst(skipping))
        guard configuration.solver.skipPRKSteps || timesteps.count >= 4 else {
            throw Problem(
                .invalid, "pndm begins with Runge-Kutta steps between 4 timesteps, but there are \(timesteps.count)",
                remedy: "Use more steps, or set \"skip_prk_steps\" to true.", path: "$.sampler.steps")
        }
        let stride = schedule.count / count
        let final = configuration.setAlphaToOne ? 1 : schedule.alphasCumprod[0]
        func transfer(_ t: Int, _ s: Int) -> Transfer {
            let (now, then) = (
                schedule.alphasCumprod[min(t, schedule.count - 1)], s >= 0 ? schedule.alphasCumprod[s] : final
            )
            let denominator = now * (1 - then).squareRoot() + (now * (1 - now) * then).squareRoot()
            return Transfer(
                x: (then / now).squareRoot(), slope: -(then - now) / denominator,
                noise: configuration.predictionType.conversion(
                    to: .epsilon, signal: now.squareRoot(), noise: (1 - now).squareRoot()))
        }
        var calls: [(told: Int, call: Call)] = []
        var rest = timesteps[...]
        if configuration.solver.skipPRKSteps {
            // The second timestep is there twice, also among the steps that are skipped, as in diffusers: where some are,
            // the step that is taken again is another one.
            rest = (all.prefix(2) + all.dropFirst()).dropFirst(skipping)
            let first = rest.removeFirst()
            calls.append((first, Call(kind: .first, transfer: transfer(first, first - stride))))
            if let second = rest.popFirst() {
                calls.append((second, Call(kind: .again, transfer: transfer(second + stride, second))))
            }
        } else {
            for (t, next) in zip(timesteps.prefix(3), timesteps.dropFirst()) {
                // Half-way timesteps are counted from the end of the step, as diffusers has it.
                let half = stride / 2
                let middle = next + half
                let ends = [t - half, middle, middle - half, next]
                for (call, told) in [t, middle, middle, next].enumerated() {
                    calls.append((told, Call(kind: .rungeKutta(call), transfer: transfer(t, ends[call]))))
                }
            }
            rest = timesteps.dropFirst(3)
        }
        for t in rest { calls.append((t, Call(kind: .multistep, transfer: transfer(t, t - stride)))) }
        self.calls = calls.map(\.call)
        steps = calls.map { SamplingStep(timestep: Double($0.told)) }
        levels = calls.map { NoiseLevel(signal: schedule.signal($0.told), noise: schedule.noise($0.told)) }
    }

    public func advance(_ state: inout SamplerState, _ prediction: Tensor, _ noise: inout NoiseSource) {
        let call = calls[state.index]
        switch call.kind {
        case .rungeKutta(let number):
            let weight: Float = number == 0 || number == 3 ? 1 / 6 : 1 / 3
            if number == 0 {
                state.history += [prediction, state.x, prediction * weight]
            } else {
                state.history.append(state.history.removeLast() + prediction * weight)
            }
            let (x, sum) = (state.history[state.history.count - 2], state.history[state.history.count - 1])
            state.x = call.transfer(x, number == 3 ? sum : prediction)
            if number == 3 { state.history.removeLast(2) }
        case .first:
            state.history = [prediction, state.x]
            state.x = call.transfer(state.x, prediction)
        case .again:
            let x = state.history.removeLast()
            state.x = call.transfer(x, (prediction + state.history[0]) * 0.5)
        case .multistep:
            state.history = state.history.suffix(3) + [prediction]
            state.x = call.transfer(state.x, multistepSlope(state.history))
        }
        state.index += 1
    }

    /// The formulas of Adams and Bashforth (equation 12).
    private func multistepSlope(_ slopes: [Tensor]) -> Tensor {
        let weights: [Float] =
            switch slopes.count {
            case 1: [1]
            case 2: [3.0 / 2, -1.0 / 2]
            case 3: [23.0 / 12, -16.0 / 12, 5.0 / 12]
            default: [55.0 / 24, -59.0 / 24, 37.0 / 24, -9.0 / 24]
            }
        let terms = zip(slopes.reversed(), weights).map { $0 * $1 }
        return terms.dropFirst().reduce(terms[0], +)
    }
}
