import Configurations
import Diffusion
import Foundation
import Problems
import StrictJSON
import TensorCore
import TestSupport
import Testing

struct VariationalBoundTests {
    private let device = Device(threads: 1)

    /// Every term, as PyTorch's distributions give it in double precision.
    @Test(arguments: try Fixture("likelihood").cases)
    func followsTheReference(_ fixture: Fixture.Case) throws {
        func tensor(_ name: String) throws -> Tensor {
            let stored = try fixture.tensor(name)
            return Tensor(stored.values, shape: Shape(stored.shape), on: device).permuted([0, 2, 3, 1])
        }
        let bound = try VariationalBound(schedulerConfiguration(fixture.options))
        #expect(bound.learnsVariance == fixture.name.contains("learned"))
        let x0 = try tensor("x0")
        #expect(relativeError(bound.prior(x0), try fixture.options.numbers("prior")) < 1e-6)
        let expected = try #require(fixture.options["terms"]?.elements)
        for (t, expected) in zip(try fixture.options.integers("timesteps"), expected) {
            let timesteps = [Int](repeating: t, count: x0.shape[0])
            let xt = bound.schedule.addNoise(x0, try tensor("noise.\(t)"), at: timesteps)
            let terms = bound.terms(try tensor("output.\(t)"), x0: x0, xt: xt, at: timesteps)
            // x_t is rounded to float, which at the first timesteps weighs most.
            #expect(relativeError(terms.map(\.bits), try expected.numbers("bits")) < 1e-4, "\(t)")
            #expect(relativeError(terms.map(\.sampleError), try expected.numbers("xstart_mse")) < 1e-4, "\(t)")
            #expect(relativeError(terms.map(\.noiseError), try expected.numbers("mse")) < 1e-4, "\(t)")
        }
    }

    /// Data of independent normals, and the denoiser that nothing can beat: x_0 is E[x_0 | x_t], whose error is known, and with it each
    /// term.
    @Test(arguments: [0.25, 1]) func knowsTheBoundOfANormal(deviation: Double) throws {
        var configuration = SchedulerConfiguration()
        (configuration.numTrainTimesteps, configuration.betaEnd) = (50, 0.3)
        (configuration.predictionType, configuration.clipSample) = (.sample, false)
        let bound = try VariationalBound(configuration)
        let (schedule, variance) = (bound.schedule, deviation * deviation)
        let shape: Shape = [1, 64, 64, 16]
        let x0 = Tensor.normal(shape, seed: 1, purpose: .dataset, on: device) * Float(deviation)
        for t in [1, 5, 20, 49] {
            let noise = Tensor.normal(shape, seed: 1, purpose: .evaluation, step: t, on: device)
            let xt = schedule.addNoise(x0, noise, at: [t])
            let signal = schedule.alphasCumprod[t]
            let total = signal * variance + 1 - signal
            let output = xt * Float(signal.squareRoot() * variance / total)
            let term = try #require(bound.terms(output, x0: x0, xt: xt, at: [t]).first)
            let error = variance * (1 - signal) / total
            // (D_t-1 weight)^2 / (2 posterior variance) = (SNR(t-1) - SNR(t)) / 2 (Kingma et al. 2021, equation 13).
            let gain = schedule.signalToNoise(t - 1) - schedule.signalToNoise(t)
            #expect(abs(term.sampleError / error - 1) < 0.02)
            #expect(abs(term.bits / (gain * error / 2 / log(2)) - 1) < 0.02, "\(t)")
        }
        let (last, nats) = (schedule.alphasCumprod[49], try #require(bound.prior(x0).first) * log(2))
        let expected = (last * variance - last - log(1 - last)) / 2
        #expect(abs(nats - expected) < 0.02 * abs(expected))
    }

    @Test func epsilonSaysNothingAboutPureNoise() throws {
        var configuration = SchedulerConfiguration()
        configuration.rescaleBetasZeroSNR = true
        #expect(throws: Problem.self) { try VariationalBound(configuration) }
        configuration.predictionType = .vPrediction
        let bound = try VariationalBound(configuration)
        let x0 = Tensor.full(0.5, shape: [1, 2, 2, 1], on: device)
        #expect(bound.prior(x0) == [0])
    }
}
