import Configurations
import Diffusion
import Models
import NeuralNet
import NumericTestSupport
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// Twenty steps of training with the reference's weights, batches, noise and timesteps.
@Suite struct TrainingParityTests {
    /// Nesterov momentum is in the fixture but not among our rules.
    static let runs = ["training_unet2d", "training_mlp"].flatMap { name in
        ((try? Fixture(name).cases) ?? []).filter { $0.name != "data" && $0.options["nesterov"]?.bool != true }
            .map { Run(fixture: name, test: $0) }
    }

    struct Run: Sendable, CustomTestStringConvertible {
        var fixture: String
        var test: Fixture.Case
        var testDescription: String { "\(fixture) \(test.name)" }
    }

    @Test func everyRunIsTaken() {
        #expect(Self.runs.count == 18)
    }

    /// What a case of the fixture asks for, and what came of it there.
    private struct Expectations {
        var losses: [Double]
        var gradientNorms: [Double]
        var learningRates: [Double]
        var accumulation: Int
        var maxGradNorm: Double?
        var averageDecay: Double?

        init(_ options: JSONNode) throws {
            func numbers(_ key: String) throws -> [Double] {
                try #require(options[key]?.elements).compactMap(\.number)
            }
            losses = try numbers("losses")
            gradientNorms = try numbers("gradient_norms")
            learningRates = try numbers("learning_rates")
            accumulation = options["accumulation"]?.integer ?? 1
            maxGradNorm = options["max_grad_norm"]?.number
            averageDecay = options["ema_decay"]?.number
        }
    }

    @Test(arguments: runs)
    func lossesNormsAndWeightsFollow(_ run: Run) throws {
        let data = try Fixture(run.fixture)["data"]
        let model = try model(data, on: Device(threads: 2))
        try model.load(data.tensors(under: "weights."))
        let buffer = ParameterBuffer(model)
        let expected = try Expectations(run.test.options)
        let optimizer = Optimizer(try rule(run.test.options), buffer, averaging: expected.averageDecay != nil)
        let objective = try objective(run.test.options)
        for step in expected.losses.indices {
            buffer.gradients.clear()
            var loss = 0.0
            for part in 0..<expected.accumulation {
                loss += try accumulate(data, step * expected.accumulation + part, model, buffer, objective)
            }
            judge(loss / Double(expected.accumulation), expected.losses[step], 1e-6, "loss of step \(step)")
            let rate = try learningRate(run.test.options, step: step, of: expected.losses.count)
            judge(rate, expected.learningRates[step], 1e-12, "learning rate of step \(step)")
            update(optimizer, step, learningRate: rate, expected)
        }
        try check(run.test, "final.", buffer.weights, buffer)
        if let average = optimizer.average { try check(run.test, "ema.", average, buffer) }
    }

    /// Clips the mean gradient and takes the step.
    private func update(_ optimizer: Optimizer, _ step: Int, learningRate: Double, _ expected: Expectations) {
        let norm = optimizer.gradientNorm / Double(expected.accumulation)
        judge(norm, expected.gradientNorms[step], 1e-5, "norm of step \(step)")
        var scale = 1 / Double(expected.accumulation)
        if let limit = expected.maxGradNorm { scale *= min(1, limit / (norm + 1e-6)) }
        var decay = 1.0
        if let limit = expected.averageDecay { decay = AverageSchedule(decay: limit).decay(step: step) }
        optimizer.update(step: step, learningRate: learningRate, gradientScale: scale, averageDecay: decay)
    }

    private func judge(_ value: Double, _ expected: Double, _ tolerance: Double, _ what: String) {
        #expect(abs(value - expected) <= tolerance * expected, "\(what)")
    }

    private func learningRate(_ options: JSONNode, step: Int, of steps: Int) throws -> Double {
        let shape = try #require(LearningRateShape(rawValue: options["lr_schedule"]?.string ?? ""))
        let schedule = LearningRateSchedule(
            shape, warmupSteps: options["warmup_steps"]?.integer ?? 0, totalSteps: steps)
        return try #require(options["learning_rate"]?.number) * schedule.factor(step: step)
    }

    /// Algorithm 1 of Ho et al. 2020, one batch: adds the gradients, returns the loss.
    private func accumulate(
        _ data: Fixture.Case, _ batch: Int, _ model: any Denoiser, _ buffer: ParameterBuffer, _ objective: Objective
    ) throws -> Double {
        let device = buffer.weights.device
        let timesteps = try #require(data.options["timesteps"]?.elements?[batch].elements).map {
            try #require($0.integer)
        }
        let x0 = try batchOf(data, "x0", batch, on: device)
        let noise = try batchOf(data, "noise", batch, on: device)
        let tape = Tape()
        buffer.track(on: tape)
        defer { buffer.untrack() }
        let prediction = model(
            objective.schedule.addNoise(x0, noise, at: timesteps), timesteps: timesteps.map(Float.init))
        let loss = objective(prediction, objective.target(x0, noise, at: timesteps), at: timesteps)
        tape.backward(from: loss)
        return Double(loss.item)
    }

    /// Batch `index` of a tensor (steps, batch, ...).
    private func batchOf(_ data: Fixture.Case, _ name: String, _ index: Int, on device: Device) throws -> Tensor {
        let stored = try data.tensor(name)
        return stored.asStored(on: device).sliced(axis: 0, index..<index + 1)
            .reshaped(to: Shape(stored.shape.dropFirst())).channelsLast
    }

    /// Weights within 5e-6 of the reference's; attention's key biases aside, whose gradients are rounding noise.
    private func check(_ test: Fixture.Case, _ prefix: String, _ weights: Tensor, _ buffer: ParameterBuffer) throws {
        let expected = test.tensors(under: prefix)
        guard !expected.isEmpty else { return }
        #expect(expected.count == buffer.entries.count)
        for (name, parameter, range) in buffer.entries where !name.hasSuffix("to_k.bias") {
            let own = parameter.inFileOrder(weights.sliced(axis: 0, range).reshaped(to: parameter.shape)).array()
            let theirs = try #require(expected[name]).values
            let error = zip(own, theirs).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
            #expect(error < 5e-6, "\(prefix)\(name)")
        }
    }

    private func model(_ data: Fixture.Case, on device: Device) throws -> any Denoiser {
        let config = try #require(data.options["config"])
        if let hidden = config["hidden"]?.integer {
            return MLPDenoiser(
                MLPConfiguration(dataDimension: config["features"]?.integer ?? 2, hiddenSize: hidden, hiddenLayers: 3),
                numTrainTimesteps: 1000, on: device)
        }
        let members = [JSONNode.Member("_class_name", "UNet2DModel")] + (config.members ?? [])
        let text = JSONNode(.object(members)).text
        return try ModelConfiguration.read(config: Array(text.utf8)).configuration
            .makeModel(numTrainTimesteps: 1000, on: device)
    }

    private func rule(_ options: JSONNode) throws -> OptimizerRule {
        let decay = options["weight_decay"]?.number ?? 0
        let betas = options["betas"]?.elements?.compactMap(\.number) ?? [0.9, 0.999]
        let epsilon = options["eps"]?.number ?? 1e-8
        func adam(decoupled: Bool) -> Adam {
            Adam(beta1: betas[0], beta2: betas[1], epsilon: epsilon, weightDecay: decay, isDecoupled: decoupled)
        }
        switch options["optimizer"]?.string {
        case "sgd": return .sgd(momentum: options["momentum"]?.number ?? 0, weightDecay: decay)
        case "adam": return .adam(adam(decoupled: false))
        case "muon":
            return .muon(momentum: try #require(options["momentum"]?.number), others: adam(decoupled: true))
        default:
            #expect(options["optimizer"]?.string == "adamw")
            return .adam(adam(decoupled: true))
        }
    }

    private func objective(_ options: JSONNode) throws -> Objective {
        let losses: [String: Loss] = ["mse": .meanSquared, "l1": .meanAbsolute, "huber": .smoothL1(delta: 1)]
        return Objective(
            schedule: try NoiseSchedule(SchedulerConfiguration()),
            predictionType: try #require(PredictionType(rawValue: options["prediction_type"]?.string ?? "")),
            loss: try #require(losses[options["loss"]?.string ?? ""]), snrGamma: options["min_snr_gamma"]?.number)
    }
}
