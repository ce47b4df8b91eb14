import Configurations
import Diffusion
import StrictJSON
import TensorCore
import TestSupport
import Testing

struct PredictionTests {
    /// Every kind of output, from the x_0 and noise that x_t was made of, becomes every other.
    @Test(arguments: PredictionType.allCases, PredictionType.allCases)
    func conversionsAreConsistent(_ from: PredictionType, _ to: PredictionType) {
        let (s, n) = (0.6, 0.8)
        let (x0, epsilon) = (0.3, -1.7)
        let x = s * x0 + n * epsilon
        func output(_ type: PredictionType) -> Double {
            switch type {
            case .epsilon: epsilon
            case .sample: x0
            case .vPrediction: s * epsilon - n * x0
            }
        }
        let there = from.conversion(to: to, signal: s, noise: n)
        #expect(abs(there.noisy * x + there.output * output(from) - output(to)) < 1e-14)
    }

    @Test(arguments: PredictionType.allCases)
    func targetsAreWhatAPerfectModelPredicts(_ type: PredictionType) throws {
        let schedule = try NoiseSchedule(SchedulerConfiguration())
        let device = Device(threads: 1)
        let x0 = Tensor.normal([2, 3, 4], seed: 1, purpose: .dataset, on: device)
        let noise = Tensor.normal([2, 3, 4], seed: 1, purpose: .trainingNoise, on: device)
        let objective = Objective(schedule: schedule, predictionType: type)
        for t in [0, 500] {
            let x = schedule.addNoise(x0, noise, at: [t, t])
            let target = objective.target(x0, noise, at: [t, t])
            let toSample = type.conversion(to: .sample, signal: schedule.signal(t), noise: schedule.noise(t))
            #expect(relativeError(toSample(x, target).array(), x0.array()) < 1e-5)
        }
    }
}

struct ObjectiveTests {
    @Test(arguments: try Fixture("schedules_loss_weights").cases, PredictionType.allCases)
    func weighsByMinSNR(_ fixture: Fixture.Case, _ type: PredictionType) throws {
        let schedule = try NoiseSchedule(schedulerConfiguration(fixture.options))
        let objective = Objective(
            schedule: schedule, predictionType: type, snrGamma: try #require(fixture.options["gamma"]?.number))
        let timesteps = try fixture.options.integers("timesteps")
        for (t, expected) in zip(timesteps, try fixture.options.numbers(type.rawValue)) {
            #expect(abs(objective.weight(at: t) - expected) < 1e-9 * expected, "t = \(t)")
        }
    }

    @Test(arguments: PredictionType.allCases)
    func weightsAreFiniteWithoutSignal(_ type: PredictionType) throws {
        var configuration = SchedulerConfiguration()
        configuration.rescaleBetasZeroSNR = true
        let objective = Objective(schedule: try NoiseSchedule(configuration), predictionType: type, snrGamma: 5)
        #expect(objective.weight(at: 999) == (type == .epsilon ? 1 : 0))
    }

    /// The mean over all elements, as PyTorch's losses take it.
    @Test(arguments: [
        (Loss.meanSquared, Float((0.25 + 4 + 0 + 1) / 4)),
        (.meanAbsolute, Float((0.5 + 2 + 0 + 1) / 4)),
        (.smoothL1(delta: 1), Float((0.125 + 1.5 + 0 + 0.5) / 4)),
    ])
    func losses(_ loss: Loss, _ expected: Float) throws {
        let objective = Objective(
            schedule: try NoiseSchedule(SchedulerConfiguration()), predictionType: .epsilon, loss: loss)
        let device = Device(threads: 1)
        let prediction = Tensor([0.5, -2, 3, 1], shape: [2, 2], on: device)
        let target = Tensor([0, 0, 3, 0], shape: [2, 2], on: device)
        #expect(abs(objective(prediction, target, at: [0, 1]).item - expected) < 1e-6)
    }

    @Test func timestepsAreUniformAndIndependentOfTheBatch() throws {
        let objective = Objective(
            schedule: try NoiseSchedule(SchedulerConfiguration()), predictionType: .epsilon)
        let all = objective.timesteps(seed: 3, step: 5, samples: 0..<20_000)
        #expect(objective.timesteps(seed: 3, step: 5, samples: 7..<9) == Array(all[7..<9]))
        #expect(all.allSatisfy { (0..<1000).contains($0) })
        // Standard error of the mean of a uniform on 0..<1000 over 20,000 draws: 2.04.
        #expect(abs(Double(all.reduce(0, +)) / 20_000 - 499.5) < 10)
        #expect(objective.timesteps(seed: 3, step: 6, samples: 0..<20) != Array(all[..<20]))
    }

    @Test func timestepsCanBeLimitedToARange() throws {
        let objective = Objective(
            schedule: try NoiseSchedule(SchedulerConfiguration()), predictionType: .epsilon, timesteps: 200...299)
        let drawn = objective.timesteps(seed: 3, step: 5, samples: 0..<5_000)
        #expect(Set(drawn) == Set(200...299))
    }
}
