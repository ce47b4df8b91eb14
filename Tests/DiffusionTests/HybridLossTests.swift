import Configurations
import Diffusion
import StrictJSON
import TensorCore
import TestSupport
import Testing

struct HybridLossTests {
    /// L_simple + 0.001 L_vlb and its gradient, as PyTorch's distributions and its autograd give them in double precision.
    @Test(arguments: try Fixture("hybrid_loss").cases)
    func followsTheReference(_ fixture: Fixture.Case) throws {
        let device = Device(threads: 1)
        func tensor(_ name: String) throws -> Tensor {
            let stored = try fixture.tensor(name)
            return Tensor(stored.values, shape: Shape(stored.shape), on: device).permuted([0, 2, 3, 1])
        }
        let scheduler = try schedulerConfiguration(fixture.options)
        let objective = Objective(
            schedule: try NoiseSchedule(scheduler), predictionType: scheduler.predictionType, learnsVariance: true)
        let timesteps = try fixture.options.integers("timesteps")
        let (x0, noise) = (try tensor("x0"), try tensor("noise"))
        let tape = Tape()
        let value = try tensor("output")
        let gradient = Tensor.zeros(value.shape, on: device)
        let output = tape.leaf(value, addingGradientTo: gradient)
        let loss = objective(
            output, x0: x0, noise: noise, xt: objective.schedule.addNoise(x0, noise, at: timesteps), at: timesteps)
        let expected = try #require(fixture.options["loss"]?.number)
        #expect(abs(Double(loss.item) / expected - 1) < 1e-4)
        tape.backward(from: loss)
        #expect(relativeError(gradient.array(), try tensor("grad_output").array()) < 1e-3)
    }
}
