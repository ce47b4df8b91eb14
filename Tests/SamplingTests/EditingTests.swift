import Checkpoints
import Configurations
import Diffusion
import Foundation
import Models
import NeuralNet
import Sampling
import TensorCore
import TestSupport
import Testing

/// Samples made from pictures, with a network that mixes neither samples nor places.
@Suite struct EditingTests {
    private let device = Device(threads: 1)

    private final class Pointwise: Denoiser {
        func visit(_ visitor: inout ParameterVisitor) {}
        func callAsFunction(
            _ x: Tensor, timesteps: [Float], condition: Condition, dropout: DropoutMasks?
        ) -> Tensor { (x * 0.7 + timesteps[0] * 1e-3).tanh() }
    }

    /// Six pictures of 4 x 4, one for each sample.
    private static func pictures(masked: Bool) -> @Sendable (Range<Int>, Device) throws -> Editing.Pictures {
        { samples, device in
            let all = Tensor.normal([6, 4, 4, 2], seed: 9, purpose: .dataset, on: device).tanh()
            // The right half is to be made anew.
            let mask = Tensor((0..<16).map { $0 % 4 < 2 ? 0 : 1 }, shape: [1, 4, 4, 1], on: device)
            return Editing.Pictures(x0: all.sliced(axis: 0, samples), mask: masked ? mask : nil)
        }
    }

    private func plan(
        _ name: SamplerName, masked: Bool, strength: Double = 0.6, resampling: Editing.Resampling? = nil,
        batchSize: Int = 6
    ) throws -> SamplingPlan {
        var scheduler = SchedulerConfiguration()
        scheduler.numTrainTimesteps = 100
        var plan = SamplingPlan(
            sampler: try name.sampler(over: scheduler.converted(to: name), steps: 10, strength: strength),
            sampleShape: [4, 4, 2], count: 6, batchSize: batchSize)
        plan.editing = Editing(resampling: resampling, pictures: Self.pictures(masked: masked))
        return plan
    }

    private func draw(_ plan: SamplingPlan, _ noise: NoiseSource = .philox(seed: 2)) throws -> [Float] {
        var run = SamplingRun(plan, Pointwise(), from: SamplingCursor(noise: noise), on: device)
        var samples: [Float] = []
        while let progress = try run.step() { if case .finished(_, let x) = progress { samples += x.array() } }
        return samples
    }

    /// Only the steps from the strength on are taken, from the picture with the noise that belongs there.
    @Test func beginsWithTheNoisedPicture() throws {
        let plan = try plan(.ddim, masked: false)
        #expect(plan.sampler.steps.map(\.timestep) == [50, 40, 30, 20, 10, 0])
        var noise = NoiseSource.philox(seed: 2)
        noise.samples = 0..<6
        let x0 = try Self.pictures(masked: false)(0..<6, device).x0
        var state = SamplerState(
            x: try NoiseSchedule(scheduler).addNoise(
                x0, noise.initial([6, 4, 4, 2], on: device), at: [Int](repeating: 50, count: 6)))
        while let step = plan.sampler.step(after: state) {
            plan.sampler.advance(
                &state, Pointwise()(state.x, timesteps: [Float(step.timestep)], condition: .none, dropout: nil), &noise)
        }
        #expect(try draw(plan) == state.x.array())
    }

    private var scheduler: SchedulerConfiguration {
        var scheduler = SchedulerConfiguration()
        scheduler.numTrainTimesteps = 100
        return scheduler
    }

    /// What the mask leaves is the picture, to the bit, with every sampler.
    @Test(arguments: SamplerName.allCases)
    func theKnownRegionStays(_ name: SamplerName) throws {
        let samples = try draw(plan(name, masked: true))
        let x0 = try Self.pictures(masked: true)(0..<6, device).x0.array()
        let known = x0.indices.filter { $0 / 2 % 4 < 2 }
        #expect(known.allSatisfy { samples[$0] == x0[$0] })
        let new = x0.indices.filter { $0 / 2 % 4 >= 2 }
        #expect(new.contains { abs(samples[$0] - x0[$0]) > 0.01 } && samples.allSatisfy(\.isFinite))
    }

    @Test func resamplingGoesBack() throws {
        let again = Editing.Resampling(jumpLength: 2, visits: 3)
        let plan = try plan(.ddpm, masked: true, resampling: again)
        // Steps 0, 1, 0, 1, 0, 1, 2, 3, 2, 3, ...
        #expect(plan.stepsPerBatch == 18 && plan.sampler.steps.count == 6)
        let samples = try draw(plan)
        #expect(try samples != draw(self.plan(.ddpm, masked: true)) && samples.allSatisfy(\.isFinite))
        let x0 = try Self.pictures(masked: true)(0..<6, device).x0.array()
        #expect(x0.indices.allSatisfy { $0 / 2 % 4 >= 2 || samples[$0] == x0[$0] })
        #expect(try draw(self.plan(.ddpm, masked: true, resampling: again, batchSize: 2)) == samples)
    }

    /// Stops after each number of steps, saves, and goes on in a new run from what is on disk.
    @Test(arguments: [true, false])
    func interruptionsChangeNothing(isTorch: Bool) throws {
        let noise = isTorch ? NoiseSource.torch(seed: 8) : .philox(seed: 8)
        let plan = try plan(
            .ddpm, masked: true, resampling: Editing.Resampling(jumpLength: 2, visits: 2), batchSize: 4)
        let undisturbed = try draw(plan, noise)
        let directory = try TemporaryDirectory()
        let store = SamplingStateStore(directory("sampling.safetensors"), fingerprint: "a")
        for stop in 0...plan.totalSteps {
            var first = SamplingRun(plan, Pointwise(), from: SamplingCursor(noise: noise), on: device)
            var samples: [Float] = []
            for _ in 0..<stop {
                if case .finished(_, let x) = try first.step() { samples += x.array() }
            }
            #expect(first.cursor.stepsDone(plan) == stop)
            try store.save(batch: first.cursor.batch, state: first.cursor.state, noise: first.cursor.noise)
            let saved = try #require(try store.load(on: device) { throw $0 })
            var second = SamplingRun(
                plan, Pointwise(), from: SamplingCursor(batch: saved.batch, state: saved.state, noise: saved.noise),
                on: device)
            while let progress = try second.step() { if case .finished(_, let x) = progress { samples += x.array() } }
            #expect(samples == undisturbed, "stopped after \(stop) steps")
        }
    }
}

@Suite struct NoiseOriginTests {
    private let device = Device(threads: 1)

    private func initial(_ source: NoiseSource, _ samples: Range<Int>) -> [[Float]] {
        var source = source
        source.samples = samples
        let values = source.initial([samples.count, 2, 3, 2], on: device).array()
        return (0..<samples.count).map { Array(values[$0 * 12..<$0 * 12 + 12]) }
    }

    /// Sample i begins like the first sample of seed i, alone or in a batch.
    @Test func seedsAreThoseOfTheirOwnJobs() {
        let sources: [(NoiseSource, (UInt64) -> NoiseSource)] = [
            (.philox(.seeds([5, 6, 7])), { .philox(seed: $0) }), (.torch(.seeds([5, 6, 7])), { .torch(seed: $0) }),
        ]
        for (several, one) in sources {
            let together = initial(several, 0..<3)
            for (i, seed) in [UInt64(5), 6, 7].enumerated() {
                #expect(together[i] == initial(one(seed), 0..<1)[0])
                #expect(together[i] == initial(several, i..<i + 1)[0])
            }
        }
    }

    @Test(arguments: [true, false])
    func interpolationLeadsFromOneSeedToTheOther(isTorch: Bool) {
        func source(_ origin: NoiseSource.Origin) -> NoiseSource { isTorch ? .torch(origin) : .philox(origin) }
        let path = initial(source(.between(1, 2, count: 5)), 0..<5)
        let ends = [UInt64(1), 2].map { initial(source(.seed($0)), 0..<1)[0] }
        #expect(relativeError(path[0], ends[0]) < 1e-6 && relativeError(path[4], ends[1]) < 1e-6)
        func angle(_ a: [Float], _ b: [Float]) -> Double {
            func product(_ x: [Float], _ y: [Float]) -> Double {
                zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            }
            return acos(min(product(a, b) / (product(a, a) * product(b, b)).squareRoot(), 1))
        }
        let whole = angle(ends[0], ends[1])
        // Unless both ends have one length the steps of the angle differ a little.
        let sum = (0..<4).reduce(0) { $0 + angle(path[$1], path[$1 + 1]) }
        #expect(abs(sum / whole - 1) < 1e-4)
        #expect(initial(source(.between(1, 2, count: 5)), 3..<4)[0] == path[3])
    }
}
