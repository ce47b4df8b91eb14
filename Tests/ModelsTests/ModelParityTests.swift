import Configurations
import Models
import NeuralNet
import NumericTestSupport
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// Whole networks against the reference implementation, from its random weights: forward passes within 1e-5 of the
/// largest output, gradients of every parameter within 1e-5 of the network's largest gradient.
@Suite struct ModelParityTests {
    private let device = Device(threads: 2)

    @Test(arguments: [
        ("models_unet2d", "UNet2DModel"), ("models_dit", "DiTTransformer2DModel"),
        ("models_unet2d_condition", "UNet2DConditionModel"),
    ])
    func networksAgreeWithDiffusers(_ name: String, _ className: String) throws {
        let fixture = try Fixture(name)
        #expect(fixture.cases.count > 5)
        for test in fixture.cases {
            let members = test.options["config"]?.members ?? []
            let config = JSONNode(.object([JSONNode.Member("_class_name", JSONNode(.string(className)))] + members))
            let configuration = try ModelConfiguration.read(config: Array(config.text.utf8)).configuration
            try check(
                test, configuration.makeModel(numTrainTimesteps: 1000, on: device), channels: configuration.channels)
        }
    }

    @Test func annotatedUNetAgreesWithThePublishedNetwork() throws {
        for test in try Fixture("models_annotated").cases {
            var configuration = AnnotatedUNetConfiguration()
            let options = try #require(test.options["config"])
            configuration.dim = try #require(options["dim"]?.integer)
            configuration.channels = try #require(options["channels"]?.integer)
            configuration.dimMults = try #require(options["dim_mults"]?.elements).compactMap(\.integer)
            configuration.blockType = options["use_convnext"]?.bool == false ? .resnet : .convnext
            configuration.groups = options["resnet_block_groups"]?.integer ?? 8
            try check(test, AnnotatedUNet(configuration, on: device))
        }
    }

    @Test func mlpAgreesWithThePublishedNetwork() throws {
        for test in try Fixture("models_mlp").cases {
            let options = test.options["config"]
            let features = options?["features"]?.integer ?? 2
            let configuration = MLPConfiguration(
                dataDimension: features, hiddenSize: options?["hidden"]?.integer ?? 256, hiddenLayers: 3)
            try check(
                test,
                MLPDenoiser(
                    configuration, numTrainTimesteps: test.options["num_train_timesteps"]?.integer ?? 1000, on: device))
        }
    }

    /// - Parameter channels: of samples; those behind them in the fixture's are joined to them. nil: all.
    private func check(_ test: Fixture.Case, _ model: any Denoiser, channels: Int? = nil) throws {
        try model.load(test.tensors(under: "weights."))
        let timesteps = try #require(test.options["timesteps"]?.elements).map { Float($0.number ?? .nan) }
        let condition = try condition(of: test)
        func output(_ inputs: [String: Tensor]) throws -> Tensor {
            let all = try #require(inputs["sample"])
            var (sample, condition) = (all, condition)
            let axis = all.shape.rank - 1
            if let channels, channels < all.shape.last {
                sample = all.sliced(axis: axis, 0..<channels)
                condition.channels = all.sliced(axis: axis, channels..<all.shape.last)
            }
            if let tokens = inputs["encoder_hidden_states"] { condition.text?.tokens = tokens }
            if let vector = inputs["text_embeds"] { condition.pooledText = vector }
            return model(sample, timesteps: timesteps, condition: condition)
        }
        let names = ["sample", "encoder_hidden_states", "text_embeds"].filter { test.tensors[$0] != nil }
        let inputs = Dictionary(uniqueKeysWithValues: try names.map { ($0, try test.tensor($0, on: device)) })
        let expected = try test.tensor("output", on: device)
        #expect(relativeError(try output(inputs), expected) < 1e-5, "\(test.name)")
        guard test.options["gradients_stored"]?.bool == true else { return }
        try checkGradients(test, model, inputs, output)
    }

    private func condition(of test: Fixture.Case) throws -> Condition {
        var condition = Condition()
        if let labels = test.options["class_labels"]?.elements {
            condition.classes = .numbers(labels.map { $0.integer ?? -1 })
        } else if let vectors = test.tensors["class_labels"] {
            condition.classes = .vectors(vectors.asStored(on: device))
        }
        if let tokens = test.tensors["encoder_hidden_states"] {
            condition.text = Condition.Text(
                tokens: tokens.asStored(on: device),
                counts: test.options["token_counts"]?.elements?.map { $0.integer ?? -1 })
        }
        if let rows = test.options["time_ids"]?.elements {
            let numbers = rows.map { ($0.elements ?? []).map { Float($0.number ?? .nan) } }
            condition.added = Tensor(numbers.flatMap(\.self), shape: [rows.count, numbers[0].count], on: device)
        }
        return condition
    }

    private func checkGradients(
        _ test: Fixture.Case, _ model: any Denoiser, _ inputs: [String: Tensor],
        _ output: ([String: Tensor]) throws -> Tensor
    ) throws {
        let buffer = ParameterBuffer(model)
        let tape = Tape()
        buffer.track(on: tape)
        let inputGradients = inputs.mapValues { Tensor.zeros($0.shape, on: device) }
        let leaves = Dictionary(
            uniqueKeysWithValues: inputs.map { name, value in
                (name, tape.leaf(value, addingGradientTo: inputGradients[name] ?? value))
            })
        tape.backward(from: try output(leaves), seed: try test.tensor("cotangent", on: device))
        buffer.untrack()
        for (name, gradient) in inputGradients {
            let error = relativeError(gradient, try test.tensor("grad_\(name)", on: device))
            #expect(error < 1e-5, "\(test.name) \(name)")
        }

        let gradients = test.tensors(under: "grad.")
        let largest = gradients.values.flatMap(\.values).map(abs).max() ?? 0
        for (name, parameter, range) in buffer.entries {
            let expected = try #require(gradients[name])
            let own = parameter.inFileOrder(
                buffer.gradients.sliced(axis: 0, range).reshaped(to: parameter.shape)
            ).array()
            let error = zip(own, expected.values).map { abs($0 - $1) }.max() ?? 0
            #expect(error < 1e-5 * largest, "\(test.name) \(name)")
        }
    }
}
