import Configurations
import Diffusion
import Problems
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// Trajectories of diffusers' schedulers beyond DDPM and DDIM, in double precision, under the fixtures' denoiser.
struct SolverReferenceTests {
    @Test(arguments: try Fixture("samplers_solvers").cases)
    func followsTheReference(_ fixture: Fixture.Case) throws {
        let exact = try fixture.tensor("exact")
        let (n, c, h, w) = (exact.shape[1], exact.shape[2], exact.shape[3], exact.shape[4])
        let (sampler, trained) = try sampler(fixture)
        let told = try fixture.options.numbers("timesteps")
        #expect(sampler.steps.count == told.count && sampler.levels.count == told.count)
        for (step, timestep) in zip(sampler.steps, told) { #expect(abs(step.timestep - timestep) < 1e-6) }
        let sigma = try #require(fixture.options["init_noise_sigma"]?.number)
        #expect(abs(sampler.initialNoiseSigma / sigma - 1) < 1e-6)

        let seed = UInt64(try #require(fixture.options["seed"]?.integer))
        var noise = NoiseSource.torch(seed: seed)
        let device = Device(threads: 1)
        var state = sampler.begin([n, h, w, c], &noise, on: device)
        let size = state.x.elementCount
        // What is lost at the largest values is lost: x begins at sigma times noise.
        var scale = channelsFirst(state.x).reduce(1) { max($0, abs($1)) }
        while let step = sampler.step(after: state) {
            let x = sampler.modelInput(state)
            let prediction = (x * 0.8 + Float(0.5 * step.timestep / Double(trained) - 0.2)).tanh() * 0.9
            sampler.advance(&state, prediction, &noise)
            // Nothing but the state: what it holds goes through the disk.
            state = SamplerState(x: state.x.copy(), history: state.history.map { $0.copy() }, index: state.index)
            let values = channelsFirst(state.x)
            scale = values.reduce(scale) { max($0, abs($1)) }
            let expected = exact.values[(state.index - 1) * size..<state.index * size]
            let difference = zip(values, expected).reduce(0) { max($0, abs($1.0 - $1.1)) }
            #expect(difference <= 1e-5 * scale, "after call \(state.index): \(difference) of \(scale)")
        }
        var torch = TorchGenerator(seed: seed)
        for _ in 0...(try #require(fixture.options["noise_draws"]?.integer)) { _ = torch.normals(size) }
        #expect(noise.next([1, 16], step: 0, on: device).array() == torch.normals(16))
    }

    /// The sampler that a job gets from a directory with this scheduler, and the number of trained timesteps.
    private func sampler(_ fixture: Fixture.Case) throws -> (any Sampler, Int) {
        let head: [JSONNode.Member] = [.init("_class_name", try #require(fixture.options["class"]))]
        let config = JSONNode(.object(head + (try #require(fixture.options["config"]?.members))))
        let (scheduler, name, warnings) = try SchedulerConfiguration.read(config: Array(config.text.utf8))
        #expect(warnings.isEmpty)
        let steps = try #require(fixture.options["steps"]?.integer)
        return (try name.sampler(over: scheduler, steps: steps), scheduler.numTrainTimesteps)
    }

    private func channelsFirst(_ x: Tensor) -> [Float] { x.permuted([0, 3, 1, 2]).array() }
}

struct BetaDistributionTests {
    /// Quantiles of Beta(0.6, 0.6) as SciPy 1.17 computes them.
    @Test(arguments: [(0.01, 0.0008612388215), (0.25, 0.1756803787), (0.5, 0.5), (0.9, 0.9604155944)])
    func quantiles(_ p: Double, _ expected: Double) {
        #expect(abs(BetaDistribution(0.6, 0.6).quantile(p) / expected - 1) < 1e-8)
    }
}

struct SolverTests {
    private let device = Device(threads: 1)

    private func sampler(
        _ name: SamplerName, steps: Int = 6, strength: Double = 1,
        _ change: (inout SchedulerConfiguration) -> Void = { _ in }
    ) throws -> any Sampler {
        var scheduler = SchedulerConfiguration()
        scheduler.predictionType = .sample
        change(&scheduler)
        var options = SamplerOptions()
        options.name = name
        let settled = try SettledSampler(options, usual: .plain, over: scheduler)
        return try name.sampler(over: settled.scheduler, steps: steps, strength: strength)
    }

    /// A model that knows x_0 leads every sampler to it, from wherever it begins.
    @Test(arguments: SamplerName.allCases, [1, 0.7])
    func aPerfectModelEndsAtTheData(_ name: SamplerName, strength: Double) throws {
        let x0 = Tensor([0.25, -0.5, 1, 0, 0.75, -1], shape: [2, 3], on: device)
        let sampler = try sampler(name, strength: strength)
        var noise = NoiseSource.philox(seed: 1)
        var state = SamplerState(x: sampler.noised(x0, noise.initial([2, 3], on: device), at: 0))
        while sampler.step(after: state) != nil { sampler.advance(&state, x0, &noise) }
        // DEIS and PNDM end at the lowest trained noise level, not at none.
        let bound = name == .deis || name == .pndm ? 0.05 : 1e-5
        #expect(relativeError(state.x.array(), x0.array()) < bound)
    }

    /// At every step a trajectory that knows x_0 is as noisy as `levels` says.
    @Test(arguments: SamplerName.allCases)
    func levelsAreThoseOfTheTrajectory(_ name: SamplerName) throws {
        let sampler = try sampler(name, steps: 12)
        let x0 = Tensor.zeros([1, 4000], on: device)
        var noise = NoiseSource.philox(seed: 3)
        var state = SamplerState(x: sampler.noised(x0, noise.initial([1, 4000], on: device), at: 0))
        while sampler.step(after: state) != nil {
            let deviation = (state.x.sumOfSquares / 4000).squareRoot()
            #expect(abs(deviation / sampler.levels[state.index].noise - 1) < 0.1, "before step \(state.index)")
            sampler.advance(&state, x0, &noise)
        }
    }

    /// The last steps are those of the whole sampling.
    @Test(arguments: SamplerName.allCases)
    func strengthLeavesTheLastSteps(_ name: SamplerName) throws {
        let (whole, part) = (try sampler(name, steps: 10), try sampler(name, steps: 10, strength: 0.5))
        #expect(part.steps.count < whole.steps.count)
        #expect(part.steps.last == whole.steps.last && part.levels.last == whole.levels.last)
        #expect(throws: Problem.self) { try sampler(name, steps: 10, strength: 0.05) }
    }

    @Test func batchesChangeNoSample() throws {
        for name in SamplerName.allCases {
            let sampler = try sampler(name) { $0.predictionType = .epsilon }
            func draw(_ samples: Range<Int>) -> [Float] {
                var noise = NoiseSource.philox(seed: 3)
                noise.samples = samples
                var state = sampler.begin([samples.count, 3, 3, 2], &noise, on: device)
                while sampler.step(after: state) != nil {
                    sampler.advance(&state, (sampler.modelInput(state) * 0.7).tanh(), &noise)
                }
                return state.x.array()
            }
            #expect(draw(0..<2) + draw(2..<5) == draw(0..<5), "\(name)")
        }
    }

    @Test func whatCannotBeSampledIsAProblem() throws {
        #expect(throws: Problem.self) { try sampler(.pndm, steps: 3) }
        for name in [SamplerName.heun, .lms, .deis, .pndm, .dpmppSDE] {
            let problem = try #require(throws: Problem.self) { try sampler(name) { $0.rescaleBetasZeroSNR = true } }
            #expect(problem.path == "$.sampler.name")
        }
        for name in SamplerName.allCases {
            #expect(throws: Problem.self) { try sampler(name, steps: 1001) }
        }
    }
}
