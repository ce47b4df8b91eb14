import Checkpoints
import Configurations
import Datasets
import Diffusion
import Models
import NeuralNet
import Sampling
import StrictJSON
import TensorCore
import TestSupport
import Testing
import Training

/// minidiffusion's spiral at its published setting, against what PyTorch reaches (`spiral_reference`).
@Suite struct SpiralTests {
    private struct Result: Sendable {
        /// Mean loss of the last five epochs.
        var loss: Double
        /// Share of 1,200 samples within 0.05 and 0.1 of the band.
        var within05: Double
        var within10: Double
    }

    /// 40 epochs of 25,000 points in batches of 25, Adam at 1e-3, T = 1000, then 1,000 DDPM steps with sigma^2 = beta.
    private func train(seed: UInt64) throws -> Result {
        // The three seeds share the cores.
        let device = Device(threads: 1)
        var points = SyntheticDatasetConfiguration()
        points.seed = seed
        let dataset = try Dataset(.synthetic(points), seed: seed)
        var scheduler = SchedulerConfiguration()
        scheduler.varianceType = .fixedLarge
        scheduler.clipSample = false
        let schedule = try NoiseSchedule(scheduler)
        var plan = TrainingPlan(steps: 40_000, seed: seed)
        plan.batchSize = 25
        plan.checkpointEvery = 40_000
        plan.logEvery = 1000
        let configuration = ModelConfiguration(MLPConfiguration())
        let model = configuration.makeModel(numTrainTimesteps: 1000, on: device)
        let directory = try TemporaryDirectory()
        var losses: [Double] = []
        let task = DenoisingTask(
            model, takes: [], unconditional: nil,
            objective: Objective(schedule: schedule, predictionType: .epsilon), seed: seed)
        let trainer = try Trainer(
            task,
            [LearnerGroup("denoiser", model, .random(seed: seed), Optimization(.adam(Adam()), learningRate: 1e-3))],
            dataset: dataset, plan: plan,
            store: TrainingStateStore(directory("checkpoints"), fingerprint: "", keep: 1), preview: { _ in }
        ) { if case .logged(_, let means) = $0 { losses.append(means[0].value) } }
        #expect(try trainer.run() == .finished)
        #expect(losses.count == 40)

        let sampling = SamplingPlan(
            sampler: try DDPMSampler(schedule: schedule, configuration: scheduler, count: 1000), sampleShape: [2],
            count: 1200, batchSize: 1200)
        var run = SamplingRun(sampling, model, from: SamplingCursor(noise: .philox(seed: seed)), on: device)
        var samples: [Float] = []
        while let progress = try run.step() { if case .finished(_, let x) = progress { samples = x.array() } }
        let restored = try #require(dataset.standardization).restored(samples)
        let distances = stride(from: 0, to: restored.count, by: 2).map {
            Spiral.distance(x: Double(restored[$0]), y: Double(restored[$0 + 1]))
        }
        func share(_ limit: Double) -> Double { Double(distances.count { $0 <= limit }) / Double(distances.count) }
        return Result(loss: losses.suffix(5).reduce(0, +) / 5, within05: share(0.05), within10: share(0.1))
    }

    /// PyTorch measured 92.5 % and 97 %, and on other seeds what the fixture says. Single trainings of either differ by some
    /// points; the mean of three must come within 3 points of that measurement.
    @Test func samplesLieWherePyTorchPutsThem() async throws {
        let reference = try Fixture("spiral_reference").cases.flatMap { test in
            (test.options["losses"]?.elements ?? []).compactMap(\.number).suffix(5)
        }
        #expect(reference.count == 30)
        let ours = try await withThrowingTaskGroup(of: Result.self) { group in
            for seed in 0..<3 { group.addTask { try train(seed: UInt64(seed)) } }
            return try await group.reduce(into: [Result]()) { $0.append($1) }
        }
        func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
        #expect(abs(mean(ours.map(\.loss)) / mean(reference) - 1) < 0.03)
        #expect(mean(ours.map(\.within05)) > 0.925 - 0.03)
        #expect(mean(ours.map(\.within10)) > 0.97 - 0.03)
    }
}
