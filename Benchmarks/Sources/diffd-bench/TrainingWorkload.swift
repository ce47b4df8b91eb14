internal import Configurations
internal import Diffusion
internal import Models
internal import NeuralNet
internal import Problems
internal import Safetensors
internal import TensorCore

/// Steps of Ho et al. 2020, algorithm 1, in the order in which diffd's training takes them; data are one fixed batch.
final class TrainingWorkload: Workload {
    let specification: Case
    private let model: any Denoiser
    private let inputs: Inputs
    private let objective: Objective
    private let parameters: ParameterBuffer
    private let optimizer: Optimizer
    private let x0: Tensor
    private var step = 0

    var device: Device { inputs.device }

    init(_ specification: Case, _ model: any Denoiser, _ inputs: Inputs) throws {
        guard let kind = specification.optimizer, let loss = specification.loss else {
            throw Problem(.invalid, "\(specification.name) has no optimizer or no loss", remedy: "Complete cases.json.")
        }
        self.specification = specification
        self.model = model
        self.inputs = inputs
        var scheduler = SchedulerConfiguration()
        scheduler.numTrainTimesteps = specification.timesteps
        objective = Objective(
            schedule: try NoiseSchedule(scheduler), predictionType: .epsilon,
            loss: loss == .mse ? .meanSquared : .smoothL1(delta: 1))
        parameters = ParameterBuffer(model)
        let rule: OptimizerRule =
            switch kind {
            case .adam: .adam(Adam())
            case .adamw: .adam(Adam(isDecoupled: true))
            }
        optimizer = Optimizer(rule, parameters, averaging: specification.emaDecay != nil)
        x0 = inputs.random(.dataset).clamped(to: -1...1)
    }

    func run(_ steps: Int) {
        for _ in 0..<steps {
            let t = objective.timesteps(seed: 1, step: step, samples: 0..<specification.batch)
            takeStep(x0: x0, noise: inputs.random(.trainingNoise, step: step), t: t)
        }
    }

    /// One step; its loss.
    @discardableResult
    private func takeStep(
        x0: Tensor, noise: Tensor, t: [Int], observe: (_ prediction: Tensor) -> Void = { _ in }
    ) -> Float {
        let loss = accumulateGradients(x0: x0, noise: noise, t: t, observe: observe)
        // The norm is taken in every step, clipping or not: it tells whether the step is sound.
        let norm = optimizer.gradientNorm
        let clip = specification.maxGradNorm.map { min(1, $0 / (norm + 1e-6)) } ?? 1
        let decay = specification.emaDecay.map { AverageSchedule(decay: $0).decay(step: step) } ?? 1
        optimizer.update(
            step: step, learningRate: specification.learningRate ?? 0, gradientScale: clip, averageDecay: decay)
        step += 1
        return loss
    }

    private func accumulateGradients(
        x0: Tensor, noise: Tensor, t: [Int], observe: (_ prediction: Tensor) -> Void
    ) -> Float {
        let tape = Tape()
        parameters.track(on: tape, adding: false)
        defer { parameters.untrack() }
        let prediction = model(
            objective.schedule.addNoise(x0, noise, at: t), timesteps: t.map(Float.init), condition: inputs.condition)
        let loss = objective(prediction, objective.target(x0, noise, at: t), at: t)
        observe(prediction)
        tape.backward(from: loss)
        return loss.item
    }

    func errors(in directory: String) throws -> [String: Double] {
        let exchange = try Exchange(directory)
        let (x0, noise) = (try exchange.inputs.floats("x0"), try exchange.inputs.floats("noise"))
        let t = try exchange.inputs.integers("timesteps").map(Int.init)
        let size = inputs.shape.elementCount
        var losses: [Float] = []
        var result: [String: Double] = [:]
        for step in 0..<t.count / specification.batch {
            var prediction: [Float] = []
            losses.append(
                takeStep(
                    x0: inputs.tensor(x0[step * size..<(step + 1) * size]),
                    noise: inputs.tensor(noise[step * size..<(step + 1) * size]),
                    t: Array(t[step * specification.batch..<(step + 1) * specification.batch]),
                    observe: { if step == 0 { prediction = inputs.fileOrder($0) } }))
            guard step == 0 else { continue }
            result["prediction"] = try exchange.error(prediction, "prediction")
            // The step leaves the gradients as they are; only the update scales them.
            result["gradients"] = try gradientError(exchange)
        }
        result["losses"] = try exchange.error(losses, "losses")
        return result
    }

    /// Over all parameters together: the gradient of a key's bias in attention, for one, is rounding noise and nothing else.
    private func gradientError(_ exchange: Exchange) throws -> Double {
        var error = RelativeError()
        for (name, parameter, range) in parameters.entries {
            // PyTorch has no gradient for what the loss does not depend on.
            guard exchange.expected.tensors["gradient.\(name)"] != nil else { continue }
            let gradient = parameters.gradients.sliced(axis: 0, range).reshaped(to: parameter.shape)
            try error.add(parameter.inFileOrder(gradient).array(), exchange.expected.floats("gradient.\(name)"))
        }
        return error.value
    }
}
