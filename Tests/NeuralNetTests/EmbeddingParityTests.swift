import NeuralNet
import NumericTestSupport
import StrictJSON
import TensorCore
import TestSupport
import Testing

@Suite struct EmbeddingParityTests {
    private let device = Device(threads: 2)

    /// Against float32 features of the reference; the case that scales timesteps has them scaled here.
    @Test(arguments: try Fixture("ops_timestep_embedding").cases)
    func sinusoids(_ test: Fixture.Case) throws {
        let options = test.options
        let embedding = SinusoidalEmbedding(
            try #require(options["dim"]?.integer),
            cosinesFirst: try #require(options["flip_sin_to_cos"]?.bool as Bool?),
            downscaleFrequencyShift: Float(try #require(options["downscale_freq_shift"]?.number)),
            maximumPeriod: Float(try #require(options["max_period"]?.number)))
        let scale = Float(try #require(options["scale"]?.number))
        let timesteps = try #require(options["timesteps"]?.elements).map { scale * Float(try #require($0.number)) }
        let error = relativeError(embedding(timesteps, on: device), try test.tensor("output", on: device))
        // One rounding of a frequency is worth 6e-5 at t = 999, and PyTorch's exponential has its own.
        #expect(error < 1e-4)
    }

    @Test(arguments: try Fixture("ops_linear_attention").cases)
    func linearAttention(_ test: Fixture.Case) throws {
        let heads = try #require(test.options["heads"]?.integer)
        let scale = Float(try #require(test.options["scale"]?.number))
        let differences = try test.differences(["query", "key", "value"], on: device) { inputs in
            try #require(inputs["query"]).linearAttention(
                key: try #require(inputs["key"]), value: try #require(inputs["value"]), heads: heads, scale: scale)
        }
        #expect(differences.output < 1e-6)
        #expect(differences.worstGradient.error < 5e-6)
    }

    /// sin and cos of 2 pi log(t) w.
    @Test func fourierFeatures() {
        let embedding = FourierEmbedding(4, deviation: 16, on: device)
        embedding.weight.assign(Tensor([0.5, -0.25], shape: [2], on: device))
        let result = embedding([1, 2.7182817])
        #expect(result.shape == [2, 4])
        // t = 1: angles 0, 0; t = e: pi, -pi / 2.
        let expected: [Float] = [0, 0, 1, 1, 0, -1, -1, 0]
        #expect(zip(result.array(), expected).allSatisfy { abs($0 - $1) < 1e-6 })
    }
}
