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

    @Test(arguments: [("models_unet2d", "UNet2DModel"), ("models_dit", "DiTTransformer2DModel")])
    func networksAgreeWithDiffusers(_ name: String, _ className: String) throws {
        let fixture = try Fixture(name)
        #expect(fixture.cases.count > 5)
        for test in fixture.cases {
            let members = test.options["config"]?.members ?? []
            let config = JSONNode(.object([JSONNode.Member("_class_name", JSONNode(.string(className)))] + members))
            let configuration = try ModelConfiguration.read(config: Array(config.text.utf8)).configuration
            try check(test, configuration.makeModel(numTrainTimesteps: 1000, on: device))
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

    private func check(_ test: Fixture.Case, _ model: any Denoiser) throws {
        try model.load(test.tensors(under: "weights."))
        let timesteps = try #require(test.options["timesteps"]?.elements).map { Float($0.number ?? .nan) }
        var condition = Condition()
        if let labels = test.options["class_labels"]?.elements {
            condition.classes = .numbers(labels.map { $0.integer ?? -1 })
        } else if let vectors = test.tensors["class_labels"] {
            condition.classes = .vectors(vectors.asStored(on: device))
        }
        let sample = try test.tensor("sample", on: device)
        let output = model(sample, timesteps: timesteps, condition: condition)
        let expected = try test.tensor("output", on: device)
        #expect(relativeError(output, expected) < 1e-5, "\(test.name)")
        guard test.options["gradients_stored"]?.bool == true else { return }
        try checkGradients(test, model, sample, timesteps, condition)
    }

    private func checkGradients(
        _ test: Fixture.Case, _ model: any Denoiser, _ sample: Tensor, _ timesteps: [Float], _ condition: Condition
    ) throws {
        let buffer = ParameterBuffer(model)
        let tape = Tape()
        buffer.track(on: tape)
        let inputGradient = Tensor.zeros(sample.shape, on: device)
        let output = model(
            tape.leaf(sample, addingGradientTo: inputGradient), timesteps: timesteps, condition: condition)
        tape.backward(from: output, seed: try test.tensor("cotangent", on: device))
        buffer.untrack()
        #expect(relativeError(inputGradient, try test.tensor("grad_sample", on: device)) < 1e-5, "\(test.name) input")

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
