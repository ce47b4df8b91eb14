import Configurations
import Datasets
import Diffusion
import Evaluation
import Foundation
import Models
import NeuralNet
import Problems
import TensorCore
import Testing

/// A denoiser of which everything is known: it finds a share of x_t.
private struct Share: Denoiser {
    var share: Float
    func visit(_ visitor: inout ParameterVisitor) {}
    func callAsFunction(
        _ x: Tensor, timesteps: [Float], condition: Condition, dropout: DropoutMasks?
    ) -> Tensor { x * share }
}

@Suite struct BoundRunTests {
    private let device = Device(threads: 2)

    private func samples(count: Int) throws -> MeasuredSamples {
        var shapes = SyntheticDatasetConfiguration()
        (shapes.name, shapes.count) = (.shapes, 12)
        shapes.images = ImageOptions(resolution: 8, channels: 1)
        return MeasuredSamples(try Dataset(.synthetic(shapes), seed: 0), seed: 3, count: count)
    }

    private func bound(_ total: Int = 12) throws -> VariationalBound {
        var configuration = SchedulerConfiguration()
        (configuration.numTrainTimesteps, configuration.betaEnd) = (total, 0.3)
        return try VariationalBound(configuration)
    }

    private func measure(
        _ plan: BoundPlan, count: Int = 7, of total: Int = 12, interruptedAt stops: Set<Int> = []
    ) throws -> BoundState {
        let (samples, bound) = (try samples(count: count), try bound(total))
        func run(from state: BoundState) -> BoundRun {
            BoundRun(plan, bound, Share(share: 0.8), samples, .always(.none), from: state, on: device)
        }
        var current = run(from: BoundState(plan))
        while try current.step() {
            guard stops.contains(current.state.stepsDone(plan)) else { continue }
            let text = try JSONEncoder().encode(current.state)
            let state = try JSONDecoder().decode(BoundState.self, from: text)
            #expect(state.fits(plan))
            current = run(from: state)
        }
        return current.state
    }

    private func plan(_ batchSize: Int, timesteps: Int? = nil, count: Int = 7, of total: Int = 12) -> BoundPlan {
        BoundPlan(count: count, batchSize: batchSize, seed: 3, timesteps: timesteps, of: total)
    }

    @Test(arguments: [nil, 4]) func batchesChangeNoBit(timesteps: Int?) throws {
        let alone = try measure(plan(1, timesteps: timesteps))
        #expect(alone.total.count == 7 && alone.total.mean.isFinite && alone.strata.count == timesteps ?? 12)
        for size in [3, 7, 100] { #expect(try measure(plan(size, timesteps: timesteps)) == self.with(alone, size)) }
    }

    /// Only the number of batches tells them apart.
    private func with(_ state: BoundState, _ batchSize: Int) -> BoundState {
        var state = state
        state.batch = (7 + batchSize - 1) / batchSize
        return state
    }

    @Test func interruptionsChangeNoBit() throws {
        let whole = try measure(plan(3))
        #expect(try measure(plan(3), interruptedAt: [1, 11, 12, 13, 30, 36]) == whole)
        #expect(whole.stepsDone(plan(3)) == plan(3).totalSteps)
        #expect(!whole.fits(plan(4)) && !whole.fits(plan(3, timesteps: 4)))
    }

    @Test func theTotalIsTheSumOfItsParts() throws {
        let state = try measure(plan(4))
        let parts = state.prior.mean + state.steps.mean + state.decoder.mean
        #expect(abs(state.total.mean - parts) < 1e-12 * parts)
        let steps = state.strata.dropFirst().reduce(0) { $0 + $1.bits.mean }
        #expect(abs(state.steps.mean - steps) < 1e-12 * steps)
        #expect(state.decoder.mean == state.strata[0].bits.mean)
        #expect(try #require(state.total.standardError) > 0)
    }

    /// Of many samples an estimate from a few timesteps comes near the whole sum, within what it says of itself.
    @Test func estimatesAreWithoutBias() throws {
        let strata = plan(1, timesteps: 5, of: 81).strata
        #expect(strata == [0..<1, 1..<3, 3..<9, 9..<27, 27..<81])
        #expect(plan(1, timesteps: 500, of: 3).strata == [0..<1, 1..<2, 2..<3] && plan(1, of: 1).strata == [0..<1])
        for count in [2, 3, 17, 100, 999, 1000] {
            let strata = plan(1, timesteps: count, of: 1000).strata
            #expect(strata.count == count && strata.last?.upperBound == 1000)
            #expect(zip(strata, strata.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound && !$1.isEmpty })
        }
        let whole = try measure(plan(12, count: 12, of: 60), count: 12, of: 60)
        let estimates = try (0..<40).map { seed in
            var plan = plan(12, timesteps: 10, count: 12, of: 60)
            plan.seed = UInt64(seed)
            return try measure(plan, count: 12, of: 60).steps.mean
        }
        let mean = estimates.reduce(0, +) / 40
        let spread = (estimates.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 39).squareRoot()
        #expect(abs(mean - whole.steps.mean) < 4 * spread / 40.0.squareRoot(), "\(mean), \(whole.steps.mean)")
    }

    @Test func aModelThatGivesNoNumbersEndsIt() throws {
        let plan = plan(2)
        var run = BoundRun(
            plan, try bound(), Share(share: .nan), try samples(count: 7), .always(.none), from: BoundState(plan),
            on: device)
        let problem = try #require(throws: Problem.self) { try run.step() }
        #expect(problem.code == .numerical && problem.remedy != nil)
    }
}
