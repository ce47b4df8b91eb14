import Checkpoints
import Configurations
import Diffusion
import Models
import NeuralNet
import NumericTestSupport
import StrictJSON
import TensorCore
import TestSupport
import Testing
import Text

/// Twenty steps of fine-tuning a pipeline, compared with diffusers and PEFT (`Tests/Reference/fine_tuning.py`).
@Suite("fine-tuning") struct FineTuningParityTests {
    private let device = Device(threads: 2)
    private let fixture: Fixture
    private let pipeline: Pipeline

    init() throws {
        fixture = try Fixture("fine_tuning")
        pipeline = try Pipeline(Fixture.path("text_pipelines/sd"))
    }

    private func numbers(_ name: String, _ step: Int) throws -> [Int] {
        try #require(fixture["data"].options[name]?.elements?[step].elements).compactMap(\.integer)
    }

    /// What a step is given: latents, noise, timesteps and captions, those of one half of the samples.
    private func batch(_ step: Int, from half: Int) throws -> (
        x0: Tensor, noise: Tensor, timesteps: [Int], captions: [Int]
    ) {
        func tensor(_ name: String) throws -> Tensor {
            let stored = try fixture["data"].tensor(name)
            let all = stored.asStored(on: device).sliced(axis: 0, step..<step + 1)
                .reshaped(to: Shape(stored.shape.dropFirst()))
            return all.sliced(axis: 0, 2 * half..<2 * half + 2).channelsLast
        }
        let range = 2 * half..<2 * half + 2
        return (
            try tensor("x0"), try tensor("noise"), Array(try numbers("timesteps", step)[range]),
            Array(try numbers("captions", step)[range])
        )
    }

    private func objective(snrGamma: Double? = nil) throws -> Objective {
        Objective(
            schedule: try NoiseSchedule(SchedulerConfiguration()), predictionType: .epsilon, loss: .meanSquared,
            snrGamma: snrGamma)
    }

    private func loss(
        _ model: any Denoiser, _ encoder: any TextEncoder, _ part: TextEncoderPart, _ texts: [String], _ step: Int,
        half: Int = 0, snrGamma: Double? = nil
    ) throws -> Tensor {
        let batch = try batch(step, from: half)
        let objective = try objective(snrGamma: snrGamma)
        let ids = batch.captions.map { part.tokenizer.truncated(Prompt(texts[$0]), to: part.length).sequences[0].ids }
        var condition = Condition()
        condition.text = Condition.Text(tokens: encoder(ids, layer: .last, isPooled: false).tokens)
        let prediction = model(
            objective.schedule.addNoise(batch.x0, batch.noise, at: batch.timesteps),
            timesteps: batch.timesteps.map(Float.init), condition: condition)
        return objective(
            prediction, objective.target(batch.x0, batch.noise, at: batch.timesteps), at: batch.timesteps)
    }

    /// Trains what `buffers` hold, and compares the losses.
    private func train(_ name: String, _ buffers: [ParameterBuffer], _ loss: (Int) throws -> Tensor) throws {
        let rate = try #require(fixture["data"].options["rate"]?.number)
        let optimizers = buffers.map {
            Optimizer(
                .adam(Adam(beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, isDecoupled: true)), $0,
                averaging: false)
        }
        let expected = try #require(fixture[name].options["losses"]?.elements).compactMap(\.number)
        #expect(expected.count == 20)
        for (step, value) in expected.enumerated() {
            let tape = Tape(recomputes: step.isMultiple(of: 2))
            for buffer in buffers {
                buffer.gradients.clear()
                buffer.track(on: tape)
            }
            let total = try loss(step)
            tape.backward(from: total)
            for buffer in buffers { buffer.untrack() }
            #expect(abs(Double(total.item) - value) < 1e-5 * value, "step \(step): \(total.item), not \(value)")
            for optimizer in optimizers {
                optimizer.update(step: step, learningRate: rate, gradientScale: 1, averageDecay: 1)
            }
        }
    }

    private func texts() throws -> [String] {
        try #require(fixture["data"].options["texts"]?.elements).compactMap(\.string)
    }

    @Test("of the whole denoiser has diffusers' losses") func whole() throws {
        let (model, part) = (try pipeline.model(on: device), try #require(pipeline.text?.encoders[0]))
        let (encoder, texts) = (try part.network(on: device), try texts())
        try train("whole", [ParameterBuffer(model)]) { try loss(model, encoder, part, texts, $0) }
    }

    /// DreamBooth's loss, with min-SNR weights for the pictures of the instance only.
    @Test("with prior preservation has diffusers' losses") func prior() throws {
        let (model, part) = (try pipeline.model(on: device), try #require(pipeline.text?.encoders[0]))
        let (encoder, texts) = (try part.network(on: device), try texts())
        let options = try fixture["prior"].options
        let (gamma, weight) = (options["snr_gamma"]?.number, try #require(options["weight"]?.number))
        try train("prior", [ParameterBuffer(model)]) { step in
            let own = try loss(model, encoder, part, texts, step, snrGamma: gamma)
            return own + (try loss(model, encoder, part, texts, step, half: 1)) * Float(weight)
        }
    }

    @Test("of a LoRA of denoiser and text encoder has PEFT's losses") func lora() throws {
        let (model, part) = (try pipeline.model(on: device), try #require(pipeline.text?.encoders[0]))
        let (encoder, texts) = (try part.network(on: device), try texts())
        let run = try fixture["lora"]
        let rank = try #require(run.options["rank"]?.integer)
        func adapter(_ network: any Module, _ kinds: [LayerKind]) -> LowRankAdapter {
            LowRankAdapter(
                of: network, at: ParameterSelection(kinds.flatMap(\.patterns)), rank: rank, alpha: Double(rank))
        }
        let adapters = [
            ("unet", adapter(model, LayerKind.allCases)),
            ("text_encoder", adapter(encoder, [.attention, .feedForward])),
        ]
        let start = run.tensors(under: "start.")
        #expect(start.count == adapters.map(\.1.layers.count).reduce(0, +))
        for (component, adapter) in adapters {
            adapter.initialize(seed: 1)
            for (name, value) in adapter.parameters where name.hasSuffix("lora_A.weight") {
                value.load(fileOrder: try #require(start["\(component).\(name)"]).asStored(on: device))
            }
        }
        try train("lora", adapters.map { ParameterBuffer($0.1) }) { try loss(model, encoder, part, texts, $0) }
        for (component, adapter) in adapters {
            for (name, value) in adapter.parameters where name.contains("q_proj") || name.contains("to_k") {
                let theirs = try #require(run.tensors["final.\(component).\(name)"]).values
                let own = value.inFileOrder(value.value).array()
                #expect(zip(own, theirs).allSatisfy { abs($0 - $1) < 2e-5 }, "\(component).\(name)")
            }
        }
    }

    @Test("of a new word has diffusers' losses, and changes no other") func word() throws {
        let model = try pipeline.model(on: device)
        let run = try fixture["word"]
        let texts = try #require(run.options["texts"]?.elements).compactMap(\.string)
        let (parts, tokens) = try #require(pipeline.text).adding(
            placeholder: #require(run.options["word"]?.string), vectors: #require(run.options["vectors"]?.integer),
            initializer: #require(run.options["initializer"]?.string))
        let part = parts.encoders[0]
        let encoder = try part.network(on: device)
        let table = try #require(encoder.parameters.first { $0.name.hasSuffix("token_embedding.weight") }).parameter
            .value
        encoder.setPlaceholders(table.rows(at: [tokens[0], tokens[0]]))
        let before = table.array()
        let buffer = ParameterBuffer(encoder, selecting: ParameterSelection(["*placeholders"]))
        try train("word", [buffer]) { try loss(model, encoder, part, texts, $0) }
        let learned = try #require(encoder.placeholders).value.array()
        let theirs = try #require(run.tensors["final"]).values
        #expect(zip(learned, theirs).allSatisfy { abs($0 - $1) < 2e-5 })
        #expect(table.array() == before)
    }
}
