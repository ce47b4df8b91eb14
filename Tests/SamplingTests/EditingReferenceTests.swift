import Configurations
import Diffusion
import Models
import NeuralNet
import Sampling
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// SDEdit and inpainting as diffusers' pipelines do them, on the same noise.
struct EditingReferenceTests {
    /// The fixtures' model: 0.9 tanh(0.8 x + 0.5 t / T - 0.2).
    private final class Reference: Denoiser {
        let trained: Float
        init(trained: Int) { self.trained = Float(trained) }
        func visit(_ visitor: inout ParameterVisitor) {}
        func callAsFunction(
            _ x: Tensor, timesteps: [Float], condition: Condition, dropout: DropoutMasks?
        ) -> Tensor { (x * 0.8 + (0.5 * timesteps[0] / trained - 0.2)).tanh() * 0.9 }
    }

    @Test(arguments: try Fixture("editing").cases)
    func followsTheReference(_ fixture: Fixture.Case) throws {
        let head: [JSONNode.Member] = [.init("_class_name", try #require(fixture.options["class"]))]
        let config = JSONNode(.object(head + (try #require(fixture.options["config"]?.members))))
        let (scheduler, name, _) = try SchedulerConfiguration.read(config: Array(config.text.utf8))
        let steps = try #require(fixture.options["steps"]?.integer)
        let strength = try #require(fixture.options["strength"]?.number)
        let isMasked = fixture.options["masked"]?.bool == true

        let device = Device(threads: 1)
        let stored = try fixture.tensor("x0")
        let (n, h, w, c) = (stored.shape[0], stored.shape[2], stored.shape[3], stored.shape[1])
        var plan = SamplingPlan(
            sampler: try name.sampler(over: scheduler, steps: steps, strength: strength), sampleShape: [h, w, c],
            count: n, batchSize: n)
        plan.editing = Editing(beginsWithNoise: isMasked && strength == 1) { _, device in
            let x0 = Tensor(stored.values, shape: Shape(stored.shape), on: device).permuted([0, 2, 3, 1])
            let mask = Tensor((0..<h * w).map { Float($0 % w) / Float(w - 1) }, shape: [1, h, w, 1], on: device)
            return Editing.Pictures(x0: x0, mask: isMasked ? mask : nil)
        }
        let seed = UInt64(try #require(fixture.options["seed"]?.integer))
        var run = SamplingRun(
            plan, Reference(trained: scheduler.numTrainTimesteps), from: SamplingCursor(noise: .torch(seed: seed)),
            on: device)
        var result: [Float] = []
        while let progress = try run.step() {
            if case .finished(_, let x) = progress { result = x.permuted([0, 3, 1, 2]).array() }
        }
        let expected = try fixture.tensor("result").values
        // Where there is little signal x_0 is a small difference divided by it: what is lost there is lost.
        let first = plan.sampler.levels[0]
        let scale = max(first.noise / first.signal, 1)
        let difference = zip(result, expected).reduce(0) { max($0, abs($1.0 - $1.1)) }
        #expect(result.count == expected.count && Double(difference) <= 1e-5 * scale, "\(difference)")
    }
}
