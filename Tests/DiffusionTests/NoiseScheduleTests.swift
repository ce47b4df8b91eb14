import Configurations
import Diffusion
import Problems
import StrictJSON
import TensorCore
import TestSupport
import Testing

struct NoiseScheduleTests {
    /// The formulas in double precision, and the float32 tables of diffusers.
    @Test(arguments: try Fixture("schedules").cases)
    func followsTheReference(_ fixture: Fixture.Case) throws {
        let schedule = try NoiseSchedule(schedulerConfiguration(fixture.options))
        for (key, values) in [("betas", schedule.betas), ("alphas_cumprod", schedule.alphasCumprod)] {
            let indices = try fixture.options.integers("indices")
            for (t, expected) in zip(indices, try fixture.options.numbers(key)) {
                #expect(abs(values[t] - expected) <= 1e-9 * max(expected, 1e-6), "\(key)[\(t)]")
            }
            guard let table = fixture.tensors[key] else { continue }
            let strays = try #require(fixture.options["max_abs_error_float32"]?[key]?.number)
            #expect(table.values.count == schedule.count)
            for (ours, theirs) in zip(values, table.values) { #expect(abs(ours - Double(theirs)) <= strays + 1e-9) }
        }
    }

    @Test(arguments: try Fixture("schedules").cases)
    func keepsItsInvariants(_ fixture: Fixture.Case) throws {
        let schedule = try NoiseSchedule(schedulerConfiguration(fixture.options))
        for t in 0..<schedule.count {
            let before = t == 0 ? 1 : schedule.alphasCumprod[t - 1]
            #expect(schedule.alphasCumprod[t] < before)
            #expect(abs(schedule.alphasCumprod[t] - before * (1 - schedule.betas[t])) < 1e-15)
            let (s, n) = (schedule.signal(t), schedule.noise(t))
            #expect(abs(s * s + n * n - 1) < 1e-12)
        }
        #expect(schedule.hasZeroTerminalSNR == fixture.options["rescale_betas_zero_snr"]?.bool)
    }

    @Test func betasCanBeGiven() throws {
        var configuration = SchedulerConfiguration()
        configuration.numTrainTimesteps = 3
        configuration.trainedBetas = [0.1, 0.2, 0.5]
        let schedule = try NoiseSchedule(configuration)
        #expect(schedule.betas == [0.1, 0.2, 0.5])
        #expect(schedule.alphasCumprod == [0.9, 0.9 * 0.8, 0.9 * 0.8 * 0.5])
    }

    @Test(arguments: [[0.1, 0, 0.2], [0.1, 1, 0.2], [1], [-0.1, 0.1], [0.1, .nan], [0.1, 1.5]])
    func impossibleBetasAreProblems(_ betas: [Double]) {
        #expect(throws: Problem.self) { try NoiseSchedule(betas: betas) }
    }

    @Test func aSingleTimestepCannotLoseItsSignal() {
        var configuration = SchedulerConfiguration()
        configuration.numTrainTimesteps = 1
        configuration.rescaleBetasZeroSNR = true
        #expect(throws: Problem.self) { try NoiseSchedule(configuration) }
    }

    /// x_t and v as diffusers makes them, (N, C, H, W) read as rows.
    @Test(arguments: try Fixture("schedules_loss_weights").cases.filter { $0.tensors["x0"] != nil })
    func addsNoise(_ fixture: Fixture.Case) throws {
        let schedule = try NoiseSchedule(schedulerConfiguration(fixture.options))
        let timesteps = try fixture.options.integers("timesteps")
        let device = Device(threads: 1)
        func tensor(_ name: String) throws -> Tensor {
            let stored = try fixture.tensor(name)
            return Tensor(stored.values, shape: Shape(stored.shape), on: device)
        }
        let (x0, noise) = (try tensor("x0"), try tensor("noise"))
        let noisy = schedule.addNoise(x0, noise, at: timesteps).array()
        #expect(relativeError(noisy, try fixture.tensor("noisy").values) < 1e-6)
        let velocity = schedule.velocity(x0, noise, at: timesteps).array()
        #expect(relativeError(velocity, try fixture.tensor("velocity").values) < 1e-6)
    }

    /// q(x_t | x_0) has mean sqrt(abar_t) x_0 and variance 1 - abar_t.
    @Test(arguments: [0, 300, 999])
    func noisyDataHaveTheVarianceOfTheSchedule(t: Int) throws {
        let schedule = try NoiseSchedule(SchedulerConfiguration())
        let (device, count) = (Device(threads: 2), 200_000)
        let x0 = Tensor.full(0.5, shape: [1, count], on: device)
        let noise = Tensor.normal([1, count], seed: 1, purpose: .trainingNoise, on: device)
        let x = schedule.addNoise(x0, noise, at: [t]).array().map(Double.init)
        let mean = x.reduce(0, +) / Double(count)
        let variance = x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
        let exact = 1 - schedule.alphasCumprod[t]
        #expect(abs(mean - 0.5 * schedule.signal(t)) < 5 * (exact / Double(count)).squareRoot())
        #expect(abs(variance / exact - 1) < 5 * (2 / Double(count)).squareRoot())
    }
}
