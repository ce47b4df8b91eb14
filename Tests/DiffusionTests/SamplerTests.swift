import Configurations
import Diffusion
import Problems
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// Trajectories of diffusers' schedulers under the fixtures' denoiser, 0.9 tanh(0.8 x + 0.5 t / T - 0.2).
struct SamplerReferenceTests {
    @Test(arguments: try Fixture("samplers_ddpm").cases)
    func ddpm(_ fixture: Fixture.Case) throws {
        let (configuration, count) = try read(fixture)
        let schedule = try NoiseSchedule(configuration)
        try compare(fixture, DDPMSampler(schedule: schedule, configuration: configuration, count: count), schedule)
    }

    /// Without the cases in which epsilon is derived anew from the clipped x_0, an option that is not offered.
    @Test(arguments: try Fixture("samplers_ddim").cases.filter { $0.options["use_clipped_model_output"] == nil })
    func ddim(_ fixture: Fixture.Case) throws {
        let (configuration, count) = try read(fixture)
        let schedule = try NoiseSchedule(configuration)
        let eta = fixture.options["eta"]?.number ?? 0
        try compare(
            fixture, DDIMSampler(schedule: schedule, configuration: configuration, count: count, eta: eta), schedule)
    }

    private func read(_ fixture: Fixture.Case) throws -> (SchedulerConfiguration, count: Int) {
        let config = try #require(fixture.options["config"])
        return (try schedulerConfiguration(config), try #require(fixture.options["steps"]?.integer))
    }

    /// Runs the sampler with PyTorch's random numbers and compares every state that the fixture keeps.
    private func compare(_ fixture: Fixture.Case, _ sampler: some Sampler, _ schedule: NoiseSchedule) throws {
        let initial = try fixture.tensor("initial")
        let exact = try fixture.tensor("exact")
        let (n, c, h, w) = (initial.shape[0], initial.shape[1], initial.shape[2], initial.shape[3])
        var noise = NoiseSource.torch(seed: UInt64(try #require(fixture.options["seed"]?.integer)))
        var state = sampler.begin([n, h, w, c], &noise, on: Device(threads: 1))
        #expect(relativeError(channelsFirst(state.x), initial.values) < 1e-6)

        let keepsAll = fixture.options["keeps"]?.string == "all"
        let size = initial.values.count
        // Unclipped trajectories start at 100 times their end; what is lost there is lost.
        var scale = exact.values.reduce(0) { max($0, abs($1)) }
        while let step = sampler.step(after: state) {
            let x = sampler.modelInput(state)
            var prediction = (x * 0.8 + Float(0.5 * step.timestep / Double(schedule.count) - 0.2)).tanh() * 0.9
            if sampler.takesVariance { prediction = .concatenated([prediction, (x * 0.5).tanh()], axis: 3) }
            sampler.advance(&state, prediction, &noise)
            let values = channelsFirst(state.x)
            scale = max(scale, values.reduce(0) { max($0, abs($1)) })
            guard keepsAll || sampler.step(after: state) == nil else { continue }
            let expected = keepsAll ? Array(exact.values[(state.index - 1) * size..<state.index * size]) : exact.values
            let difference = zip(values, expected).reduce(0) { max($0, abs($1.0 - $1.1)) }
            #expect(difference <= 1e-5 * max(scale, 1), "after step \(state.index)")
        }
        #expect(state.index == fixture.options["steps"]?.integer)
        if let error = fixture.options["float32_error"]?.number, let shipped = fixture.tensors["shipped"] {
            let difference = zip(channelsFirst(state.x), shipped.values).reduce(0) { max($0, abs($1.0 - $1.1)) }
            #expect(difference <= 1e-5 * max(scale, 1) + Float(error))
        }
        // One generator for everything: the next number tells whether as many were drawn as diffusers draws.
        var torch = TorchGenerator(seed: UInt64(try #require(fixture.options["seed"]?.integer)))
        for _ in 0...(try #require(fixture.options["noise_draws"]?.integer)) { _ = torch.normals(size) }
        let next = noise.next([1, 16], step: 0, on: Device(threads: 1)).array()
        #expect(next == torch.normals(16))
    }

    private func channelsFirst(_ x: Tensor) -> [Float] { x.permuted([0, 3, 1, 2]).array() }
}

struct SamplerTests {
    private let device = Device(threads: 2)

    /// A denoiser that mixes neither samples nor places, so that what it does is the samplers' own.
    private func denoise(_ x: Tensor, _ timestep: Double) -> Tensor { (x * 0.7 + Float(timestep * 1e-4)).tanh() }

    private func run(
        _ sampler: some Sampler, _ shape: Shape, _ noise: NoiseSource, until end: Int? = nil
    ) -> (state: SamplerState, noise: NoiseSource) {
        var noise = noise
        return resume(sampler, sampler.begin(shape, &noise, on: device), noise, until: end)
    }

    private func resume(
        _ sampler: some Sampler, _ state: SamplerState, _ noise: NoiseSource, until end: Int? = nil
    ) -> (state: SamplerState, noise: NoiseSource) {
        var (state, noise) = (state, noise)
        while state.index != end, let step = sampler.step(after: state) {
            sampler.advance(&state, denoise(sampler.modelInput(state), step.timestep), &noise)
        }
        return (state, noise)
    }

    private func configuration(_ change: (inout SchedulerConfiguration) -> Void = { _ in }) -> SchedulerConfiguration {
        var configuration = SchedulerConfiguration()
        configuration.numTrainTimesteps = 50
        configuration.betaEnd = 0.2
        change(&configuration)
        return configuration
    }

    private func ddpm(_ configuration: SchedulerConfiguration, _ count: Int) throws -> DDPMSampler {
        try DDPMSampler(schedule: NoiseSchedule(configuration), configuration: configuration, count: count)
    }

    private func ddim(_ configuration: SchedulerConfiguration, _ count: Int, eta: Double = 0) throws -> DDIMSampler {
        try DDIMSampler(schedule: NoiseSchedule(configuration), configuration: configuration, count: count, eta: eta)
    }

    /// Song et al. 2021, section 4.1: with eta 1 the generative process is DDPM's.
    @Test(arguments: PredictionType.allCases)
    func ddimWithFullNoiseIsDDPM(_ type: PredictionType) throws {
        let configuration = configuration {
            $0.clipSample = false
            $0.predictionType = type
        }
        let noise = NoiseSource.philox(seed: 8)
        let one = run(try ddpm(configuration, 50), [2, 3, 3, 2], noise).state.x.array()
        let other = run(try ddim(configuration, 50, eta: 1), [2, 3, 3, 2], noise).state.x.array()
        #expect(relativeError(other, one) < 1e-4)
    }

    /// A model that knows x_0 leads every sampler to it.
    @Test func aPerfectModelEndsAtTheData() throws {
        let configuration = configuration { $0.predictionType = .sample }
        let x0 = Tensor([0.25, -0.5, 1, 0, 0.75, -1], shape: [2, 3], on: device)
        let samplers: [any Sampler] = [
            try ddpm(configuration, 7), try ddim(configuration, 7), try ddim(configuration, 50, eta: 0.5),
        ]
        for sampler in samplers {
            var noise = NoiseSource.philox(seed: 1)
            var state = sampler.begin([2, 3], &noise, on: device)
            while sampler.step(after: state) != nil { sampler.advance(&state, x0, &noise) }
            #expect(relativeError(state.x.array(), x0.array()) < 1e-6)
        }
    }

    @Test func logVariancesAreTheSameVariances() throws {
        let types: [(SchedulerConfiguration.VarianceType, SchedulerConfiguration.VarianceType)] = [
            (.fixedSmall, .fixedSmallLog), (.fixedLarge, .fixedLargeLog),
        ]
        for (plain, log) in types {
            let results = try [plain, log].map { type in
                try run(ddpm(configuration { $0.varianceType = type }, 10), [1, 8], .philox(seed: 2)).state.x.array()
            }
            #expect(results[0] == results[1])
        }
    }

    /// Eight pictures at once are the same bits as one by one.
    @Test func samplesDoNotDependOnTheirBatch() throws {
        let configuration = configuration { $0.thresholding = true }
        for sampler in [try ddpm(configuration, 10), try ddim(configuration, 10, eta: 0.5)] as [any Sampler] {
            let together = run(sampler, [8, 3, 3, 2], .philox(seed: 3)).state.x.array()
            for i in 0..<8 {
                var noise = NoiseSource.philox(seed: 3)
                noise.samples = i..<i + 1
                let alone = run(sampler, [1, 3, 3, 2], noise).state.x.array()
                #expect(alone == Array(together[i * 18..<(i + 1) * 18]))
            }
        }
    }

    /// State and noise source are all there is to save.
    @Test(arguments: [NoiseSource.philox(seed: 4), NoiseSource.torch(seed: 4)])
    func anInterruptedRunEndsAlike(_ noise: NoiseSource) throws {
        let sampler = try ddpm(configuration(), 12)
        let whole = run(sampler, [2, 3, 3, 1], noise).state.x.array()
        let half = run(sampler, [2, 3, 3, 1], noise, until: 5)
        let saved = try JSONText.encode(half.noise)
        let restored = SamplerState(
            x: Tensor(half.state.x.array(), shape: half.state.x.shape, on: device), index: half.state.index)
        let rest = resume(sampler, restored, try JSONText.decode(NoiseSource.self, from: saved))
        #expect(rest.state.x.array() == whole)
    }

    @Test func dynamicThresholdingScalesEachSampleByItsOwnQuantile() throws {
        let configuration = configuration {
            $0.thresholding = true
            $0.dynamicThresholdingRatio = 0.75
            $0.sampleMaxValue = 10
            $0.predictionType = .sample
        }
        // One step from the last timestep to the data: the result is the clipped prediction itself.
        let sampler = try ddpm(configuration, 1)
        var noise = NoiseSource.philox(seed: 1)
        var state = sampler.begin([2, 5], &noise, on: device)
        sampler.advance(&state, Tensor([0, 1, -2, 3, 4, 0, 0.1, 0.2, 0.3, 0.4], shape: [2, 5], on: device), &noise)
        // Quantiles 3 and 0.3; the latter is raised to 1.
        let expected: [Float] = [0, 1.0 / 3, -2.0 / 3, 1, 1, 0, 0.1, 0.2, 0.3, 0.4]
        #expect(relativeError(state.x.array(), expected) < 1e-6)
    }

    @Test func whatCannotBeSampledIsAProblem() throws {
        let zero = configuration {
            $0.rescaleBetasZeroSNR = true
            $0.timestepSpacing = .trailing
        }
        #expect(throws: Problem.self) { try ddpm(zero, 10) }
        #expect(throws: Problem.self) { try ddim(zero, 10) }
        #expect(throws: Problem.self) { try ddpm(configuration(), 51) }
        #expect(throws: Problem.self) { try ddim(configuration(), 0) }
        #expect(throws: Problem.self) { try ddim(configuration(), 10, eta: 1.5) }
        #expect(throws: Problem.self) { try ddim(configuration(), 10, eta: .nan) }
    }

    @Test func optionsTakePrecedenceOverTheModelsScheduler() throws {
        var options = SamplerOptions()
        options.name = .ddpm
        options.steps = nil
        func timesteps() throws -> [Double] {
            let settled = try SettledSampler(options, usual: .plain, over: configuration())
            let sampler = try settled.name.sampler(
                over: settled.scheduler, steps: settled.options.steps, eta: settled.options.eta)
            return sampler.steps.map(\.timestep)
        }
        #expect(try timesteps() == (0..<50).reversed().map(Double.init))
        options.name = .ddim
        options.steps = 5
        options.overrides["timestep_spacing"] = "trailing"
        #expect(try timesteps() == [49, 39, 29, 19, 9])
    }
}
