import Configurations
import Diffusion
import Models
import NeuralNet
import NumericTestSupport
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// Twenty steps of training a LoRA, compared with PEFT's (`Tests/Reference/lora_training.py`).
@Suite("low-rank pairs") struct LowRankTests {
    private let device = Device(threads: 2)
    private let fixture: Fixture

    init() throws { fixture = try Fixture("training_lora") }

    private func model() throws -> any Denoiser {
        let config = try #require(fixture["data"].options["config"]?.members)
        let members = [JSONNode.Member("_class_name", "UNet2DConditionModel")] + config
        let model = try ModelConfiguration.read(config: Array(JSONNode(.object(members)).text.utf8)).configuration
            .makeModel(numTrainTimesteps: 1000, on: device)
        try model.load(fixture["data"].tensors(under: "weights."))
        return model
    }

    private func selection(_ options: JSONNode) throws -> ParameterSelection {
        ParameterSelection(try #require(options["targets"]?.elements).compactMap(\.string).map { "*\($0)" })
    }

    /// Batch `index` of a tensor (steps, batch, ...).
    private func batch(_ name: String, _ index: Int) throws -> Tensor {
        let stored = try fixture["data"].tensor(name)
        return stored.asStored(on: device).sliced(axis: 0, index..<index + 1)
            .reshaped(to: Shape(stored.shape.dropFirst()))
    }

    @Test("learn what PEFT's learn", arguments: ["rank2", "rank3_alpha6"]) func training(_ name: String) throws {
        let run = try fixture[name]
        let model = try model()
        let frozen = model.parameters.map { ($0.name, $0.parameter.value.array()) }
        let adapter = LowRankAdapter(
            of: model, at: try selection(run.options), rank: try #require(run.options["rank"]?.integer),
            alpha: try #require(run.options["alpha"]?.number))
        adapter.initialize(seed: 1)
        let start = run.tensors(under: "start.")
        #expect(start.count == adapter.layers.count)
        for (parameter, value) in adapter.parameters where parameter.hasSuffix("lora_A.weight") {
            value.load(fileOrder: try #require(start[parameter]).asStored(on: device))
        }
        let buffer = ParameterBuffer(adapter)
        let optimizer = Optimizer(
            .adam(Adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, isDecoupled: true)), buffer,
            averaging: false)
        let objective = Objective(
            schedule: try NoiseSchedule(SchedulerConfiguration()), predictionType: .epsilon, loss: .meanSquared,
            snrGamma: nil)
        for (step, expected) in try #require(run.options["losses"]?.elements).compactMap(\.number).enumerated() {
            let timesteps = try #require(fixture["data"].options["timesteps"]?.elements?[step].elements)
                .compactMap(\.integer)
            let (x0, noise) = (try batch("x0", step).channelsLast, try batch("noise", step).channelsLast)
            var condition = Condition()
            condition.text = Condition.Text(tokens: try batch("text", step), counts: nil)
            let tape = Tape(recomputes: step.isMultiple(of: 2))
            buffer.gradients.clear()
            buffer.track(on: tape)
            let prediction = model(
                objective.schedule.addNoise(x0, noise, at: timesteps), timesteps: timesteps.map(Float.init),
                condition: condition)
            let loss = objective(prediction, objective.target(x0, noise, at: timesteps), at: timesteps)
            tape.backward(from: loss)
            buffer.untrack()
            #expect(abs(Double(loss.item) - expected) < 1e-6 * expected, "step \(step)")
            optimizer.update(step: step, learningRate: 1e-2, gradientScale: 1, averageDecay: 1)
        }
        for (parameter, value) in adapter.parameters {
            let own = value.inFileOrder(value.value).array()
            let theirs = try #require(run.tensors["final.\(parameter)"]).values
            #expect(zip(own, theirs).allSatisfy { abs($0 - $1) < 2e-5 }, "\(parameter)")
        }
        #expect(zip(frozen, model.parameters).allSatisfy { $0.0 == $1.name && $0.1 == $1.parameter.value.array() })
    }

    @Test("change nothing before they learn, and cost the frozen weights no gradients") func start() throws {
        let plain = try model()
        let adapted = try model()
        let adapter = LowRankAdapter(of: adapted, at: ParameterSelection(["*attn1*", "*conv1"]), rank: 2, alpha: 4)
        adapter.initialize(seed: 1)
        // Four transformers of one block, and eight ResNet blocks.
        #expect(adapter.layers.count == 4 * 4 + 8)
        #expect(adapted.parameters.map(\.name) == plain.parameters.map(\.name))
        var condition = Condition()
        condition.text = Condition.Text(tokens: try batch("text", 0), counts: nil)
        let x = try batch("x0", 0).channelsLast
        func output(_ model: any Denoiser) -> Tensor { model(x, timesteps: [3, 500], condition: condition) }
        #expect(output(plain).array() == output(adapted).array())
        let buffer = ParameterBuffer(adapter)
        let tape = Tape()
        buffer.track(on: tape)
        tape.backward(from: output(adapted).mean())
        buffer.untrack()
        #expect(tape.wasteful.isEmpty)
    }
}
