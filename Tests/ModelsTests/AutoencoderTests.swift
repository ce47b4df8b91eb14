import Configurations
import Models
import NeuralNet
import NumericTestSupport
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// The autoencoder against diffusers, from its random weights: results within 1e-5 of the largest, gradients of every parameter within
/// 1e-5 of the network's largest gradient.
@Suite struct AutoencoderTests {
    private let device = Device(threads: 2)

    /// Mean and log-variance side by side, or a decoded picture.
    private func compute(_ model: AutoencoderKL, _ sample: Tensor, _ test: Fixture.Case) -> Tensor {
        guard test.options["direction"]?.string == "encode" else { return model.decode(sample) }
        let distribution = model.encode(sample)
        return .concatenated([distribution.mean, distribution.logVariance], axis: 3)
    }

    @Test(arguments: try Fixture("models_autoencoder").cases) func agreesWithDiffusers(_ test: Fixture.Case) throws {
        var report = Report()
        let config = try #require(test.options["config"])
        let configuration = try #require(AutoencoderKLConfiguration.read(config, into: &report))
        #expect(report.problems.isEmpty)
        let model = AutoencoderKL(configuration, on: device)
        try model.load(test.tensors(under: "weights."))
        let sample = try test.tensor("sample", on: device)
        let output = compute(model, sample, test)
        #expect(relativeError(output, try test.tensor("output", on: device)) < 1e-5)
        guard test.options["gradients_stored"]?.bool == true else { return }

        let buffer = ParameterBuffer(model)
        let tape = Tape()
        buffer.track(on: tape)
        let inputGradient = Tensor.zeros(sample.shape, on: device)
        let tracked = compute(model, tape.leaf(sample, addingGradientTo: inputGradient), test)
        tape.backward(from: tracked, seed: try test.tensor("cotangent", on: device))
        buffer.untrack()
        #expect(relativeError(inputGradient, try test.tensor("grad_sample", on: device)) < 1e-5)

        // Those of the other half of the network take no part.
        let gradients = test.tensors(under: "grad.")
        #expect(!gradients.isEmpty)
        let largest = gradients.values.flatMap(\.values).map(abs).max() ?? 0
        for (name, parameter, range) in buffer.entries {
            let own = parameter.inFileOrder(
                buffer.gradients.sliced(axis: 0, range).reshaped(to: parameter.shape)
            ).array()
            let expected = gradients[name]?.values ?? [Float](repeating: 0, count: own.count)
            let error = zip(own, expected).map { abs($0 - $1) }.max() ?? 0
            #expect(error < 1e-5 * largest, "\(name)")
        }
    }

    private func tiny(_ change: (inout AutoencoderKLConfiguration) -> Void = { _ in }) -> AutoencoderKL {
        var c = AutoencoderKLConfiguration()
        (c.blockOutChannels, c.normNumGroups, c.latentChannels, c.scalingFactor) = ([4, 8], 2, 2, 0.5)
        (c.downBlockTypes, c.upBlockTypes) = ([.plain, .plain], [.plain, .plain])
        change(&c)
        let model = AutoencoderKL(c, on: device)
        model.initialize(seed: 1)
        return model
    }

    @Test func scalingIsUndone() {
        let z = Tensor.normal([2, 3, 3, 2], seed: 2, purpose: .dataset, on: device)
        let (plain, shifted, perChannel) = (
            tiny(), tiny { $0.shiftFactor = 0.25 },
            tiny { ($0.latentsMean, $0.latentsStd) = ([1, -1], [2, 0.5]) }
        )
        for model in [plain, shifted, perChannel] {
            #expect(relativeError(model.unscaled(model.scaled(z)), z) < 1e-6)
        }
        let first = z.array()
        #expect(plain.scaled(z).array() == first.map { $0 * 0.5 })
        #expect(zip(shifted.scaled(z).array(), first).allSatisfy { abs($0 - ($1 - 0.25) * 0.5) < 1e-6 })
        #expect(abs(perChannel.scaled(z).array()[1] - (first[1] + 1)) < 1e-6)
    }

    /// 0 for a standard normal distribution, and its textbook value for another.
    @Test func divergenceFromTheStandardNormal() {
        let model = tiny()
        let x = Tensor.normal([2, 8, 8, 3], seed: 3, purpose: .dataset, on: device)
        let latents = model.encode(x)
        let variances = latents.logVariance.exp().array()
        var sum: Float = 0
        for (index, mean) in latents.mean.array().enumerated() {
            sum += mean * mean + variances[index] - 1 - latents.logVariance.array()[index]
        }
        #expect(abs(latents.divergence.item - sum / 4) < 1e-3)
        let noise = Tensor.zeros(latents.mean.shape, on: device)
        #expect(latents.sample(noise).array() == latents.mean.array())
    }
}
