import Checkpoints
import Configurations
import Diffusion
import Models
import NeuralNet
import Problems
import Sampling
import TensorCore
import TestSupport
import Testing

/// What every sampling promises: the same bits however it is cut into batches, threads and runs.
@Suite struct SamplingRunTests {
    enum Network: CaseIterable {
        case mlp, unet2d, annotatedUNet

        var configuration: ModelConfiguration {
            switch self {
            case .mlp: return ModelConfiguration(MLPConfiguration())
            case .unet2d:
                var unet = UNet2DConfiguration()
                unet.sampleSize = ImageSize(8)
                unet.blockOutChannels = [16, 32]
                unet.downBlockTypes = [.plain, .attention]
                unet.upBlockTypes = [.attention, .plain]
                unet.layersPerBlock = 1
                unet.normNumGroups = 4
                unet.numClassEmbeds = 3
                return ModelConfiguration(unet)
            case .annotatedUNet:
                var unet = AnnotatedUNetConfiguration()
                unet.dim = 12
                unet.dimMults = [1, 2]
                unet.sampleSize = 8
                return ModelConfiguration(unet)
            }
        }

        func model(on device: Device) -> any Denoiser {
            let model = configuration.makeModel(numTrainTimesteps: 100, on: device)
            model.initialize(seed: 2)
            return model
        }
    }

    /// One that draws noise, one that does not.
    static let methods: [SamplerName] = [.ddpm, .ddim]

    private func plan(
        _ network: Network, _ method: SamplerName, steps: Int = 4, count: Int, batchSize: Int, classes: [Int]? = nil
    ) throws -> SamplingPlan {
        var scheduler = SchedulerConfiguration()
        scheduler.numTrainTimesteps = 100
        let condition: Condition = network == .unet2d ? Condition(classes: classes ?? [0, 2, 1]) : .none
        return SamplingPlan(
            sampler: try method.sampler(over: scheduler.converted(to: method), steps: steps),
            sampleShape: try #require(network.configuration.sampleShape).dimensions, count: count,
            batchSize: batchSize, condition: condition)
    }

    /// Takes up to `limit` steps; the samples of finished batches, one after the other.
    private func draw(_ run: inout SamplingRun, limit: Int = .max) throws -> [Float] {
        var samples: [Float] = []
        for _ in 0..<limit {
            guard let progress = try run.step() else { break }
            if case .finished(_, let x) = progress { samples += x.array() }
        }
        return samples
    }

    private func draw(_ network: Network, _ plan: SamplingPlan, _ noise: NoiseSource, threads: Int = 2) throws
        -> [Float]
    {
        let device = Device(threads: threads)
        var run = SamplingRun(plan, network.model(on: device), from: SamplingCursor(noise: noise), on: device)
        return try draw(&run)
    }

    @Test(arguments: Network.allCases, methods)
    func batchesChangeNoSample(_ network: Network, _ method: SamplerName) throws {
        let whole = try draw(network, plan(network, method, count: 8, batchSize: 8), .philox(seed: 5))
        #expect(whole.allSatisfy { $0.isFinite })
        for batchSize in [1, 3, 5, 100] {
            let parts = try draw(network, plan(network, method, count: 8, batchSize: batchSize), .philox(seed: 5))
            #expect(parts == whole, "batches of \(batchSize)")
        }
        let other = try draw(network, plan(network, method, count: 8, batchSize: 8), .philox(seed: 6))
        #expect(other != whole)
    }

    /// A weight of NaN is named after the first step, whatever the sampler does to x.
    @Test(arguments: methods)
    func samplesThatAreNotFiniteEndTheRun(_ method: SamplerName) throws {
        let device = Device(threads: 1)
        let model = Network.unet2d.model(on: device)
        let (name, parameter) = try #require(model.parameters.first { $0.name == "conv_out.bias" })
        parameter.assign(.full(.nan, shape: parameter.shape, on: device))
        let plan = try plan(.unet2d, method, count: 4, batchSize: 2)
        var run = SamplingRun(plan, model, from: SamplingCursor(noise: .philox(seed: 1)), on: device)
        let problem = try #require(throws: Problem.self) { try run.step() }
        #expect(problem.code == .numerical && problem.remedy != nil)
        for part in ["100 %", "samples 0 to 1", "step 1 of 4", name] {
            #expect(problem.message.contains(part), "\(part) in \(problem.message)")
        }
    }

    /// Enough points for products of several blocks of rows.
    @Test func pointsInLargeBatches() throws {
        let whole = try draw(.mlp, plan(.mlp, .ddpm, steps: 3, count: 700, batchSize: 700), .philox(seed: 5))
        for batchSize in [33, 256] {
            let parts = try draw(
                .mlp, plan(.mlp, .ddpm, steps: 3, count: 700, batchSize: batchSize), .philox(seed: 5))
            #expect(parts == whole, "batches of \(batchSize)")
        }
        let first = try draw(.mlp, plan(.mlp, .ddpm, steps: 3, count: 8, batchSize: 1), .philox(seed: 5))
        #expect(Array(whole[..<16]) == first)
    }

    @Test(arguments: Network.allCases, methods)
    func threadsChangeNoSample(_ network: Network, _ method: SamplerName) throws {
        let plan = try plan(network, method, count: 5, batchSize: 5)
        let one = try draw(network, plan, .philox(seed: 1), threads: 1)
        #expect(try draw(network, plan, .philox(seed: 1), threads: 2) == one)
        #expect(try draw(network, plan, .philox(seed: 1), threads: 5) == one)
    }

    /// Stops after each number of steps, saves, and goes on in a new run from what is on disk.
    @Test(arguments: SamplerName.allCases, [true, false])
    func interruptionsChangeNoSample(_ method: SamplerName, isTorch: Bool) throws {
        let network = Network.mlp
        let noise = isTorch ? NoiseSource.torch(seed: 8) : .philox(seed: 8)
        let plan = try plan(network, method, count: 5, batchSize: 2)
        let undisturbed = try draw(network, plan, noise)
        #expect(undisturbed.count == 5 * 2)
        #expect(plan.batchCount == 3 && plan.totalSteps == 3 * plan.sampler.steps.count)
        let directory = try TemporaryDirectory()
        let store = SamplingStateStore(directory("sampling.safetensors"), fingerprint: "a")
        for stop in 0...plan.totalSteps {
            let device = Device(threads: 1)
            var first = SamplingRun(plan, network.model(on: device), from: SamplingCursor(noise: noise), on: device)
            let before = try draw(&first, limit: stop)
            #expect(first.cursor.stepsDone(plan) == stop)
            try store.save(batch: first.cursor.batch, state: first.cursor.state, noise: first.cursor.noise)

            let saved = try #require(try store.load(on: device) { throw $0 })
            let cursor = SamplingCursor(batch: saved.batch, state: saved.state, noise: saved.noise)
            var second = SamplingRun(plan, network.model(on: device), from: cursor, on: device)
            #expect(try before + draw(&second) == undisturbed, "stopped after \(stop) steps")
        }
    }

    @Test func stepsAreToldInOrder() throws {
        let device = Device(threads: 1)
        let plan = try plan(.mlp, .ddpm, steps: 3, count: 5, batchSize: 2)
        var run = SamplingRun(
            plan, Network.mlp.model(on: device), from: SamplingCursor(noise: .philox(seed: 0)), on: device)
        var told: [String] = []
        while let progress = try run.step() {
            switch progress {
            case .step(let batch, let index, let x): told.append("\(batch).\(index) of \(x.shape[0])")
            case .finished(let batch, let x): told.append("\(batch) done, \(x.shape[0])")
            }
        }
        #expect(
            told == [
                "0.1 of 2", "0.2 of 2", "0 done, 2", "1.1 of 2", "1.2 of 2", "1 done, 2", "2.1 of 1", "2.2 of 1",
                "2 done, 1",
            ])
        #expect(run.cursor.batch == 3 && run.cursor.state == nil)
        #expect(try run.step() == nil)
    }

    // MARK: - Guidance

    /// A network whose output is its label, and who tells the sizes of the batches that it is asked for.
    private final class LabelTeller: Denoiser {
        var sizes: [Int] = []
        func visit(_ visitor: inout ParameterVisitor) {}
        func callAsFunction(
            _ x: Tensor, timesteps: [Float], condition: Condition, dropout: DropoutMasks?
        ) -> Tensor {
            sizes.append(x.shape[0])
            guard let labels = condition.classNumbers else { return x * 0 }
            return Tensor.ones(x.shape, on: x.device)
                * Tensor(labels.map(Float.init), shape: [labels.count, 1, 1, 1], on: x.device) + x * 0.1
        }
    }

    /// e_null + w (e_class - e_null) in one pass for both, and outside of the interval e_class alone.
    @Test func guidanceExtrapolates() throws {
        let device = Device(threads: 1)
        var scheduler = SchedulerConfiguration()
        scheduler.numTrainTimesteps = 100
        (scheduler.clipSample, scheduler.predictionType) = (false, .sample)
        var plan = SamplingPlan(
            sampler: try SamplerName.ddim.sampler(over: scheduler.converted(to: .ddim), steps: 1),
            sampleShape: [2, 2, 1], count: 3, batchSize: 3, condition: Condition(classes: [1, 2, 0]))
        func drawn(_ guidance: Guidance?) throws -> (samples: [Float], sizes: [Int]) {
            plan.guidance = guidance.map { ($0, unconditional: { Condition(classes: [4]).repeated(for: $0) }) }
            let model = LabelTeller()
            var run = SamplingRun(plan, model, from: SamplingCursor(noise: .philox(seed: 1)), on: device)
            return (try draw(&run), model.sizes)
        }
        let plain = try drawn(nil)
        let guided = try drawn(Guidance(scale: 3))
        #expect(plain.sizes == [3] && guided.sizes == [6])
        for (sample, label) in [Float(1), 2, 0].enumerated() {
            for i in sample * 4..<sample * 4 + 4 {
                // The part of x is the same with and without the class.
                let expected = plain.samples[i] - label + (4 + 3 * (label - 4))
                #expect(abs(guided.samples[i] - expected) < 1e-4)
            }
        }
        #expect(try drawn(Guidance(scale: 3, interval: 50...99)) == plain)
        #expect(try drawn(Guidance(scale: 1)) == plain)
    }

    @Test func guidanceChangesNothingWithTheBatches() throws {
        var whole = try plan(.unet2d, .ddpm, count: 5, batchSize: 5)
        whole.guidance = (
            Guidance(scale: 4, rescale: 0.7, interval: 30...100),
            unconditional: { Condition(classes: [2]).repeated(for: $0) }
        )
        let samples = try draw(.unet2d, whole, .philox(seed: 5))
        for batchSize in [1, 2, 4] {
            whole.batchSize = batchSize
            #expect(try draw(.unet2d, whole, .philox(seed: 5)) == samples, "batches of \(batchSize)")
        }
        whole.guidance = nil
        #expect(try draw(.unet2d, whole, .philox(seed: 5)) != samples)
    }

    /// Lin et al. 2023, equation 15 and 16: with a rescale of 1 a sample has the spread of the output with the class.
    @Test func rescaledGuidanceKeepsTheSpread() {
        let device = Device(threads: 1)
        let a = Tensor.normal([2, 50], seed: 1, purpose: .dataset, on: device)
        let b = Tensor.normal([2, 50], seed: 2, purpose: .dataset, on: device)
        func spread(_ x: Tensor, _ sample: Int) -> Double {
            let values = x.array()[sample * 50..<sample * 50 + 50].map(Double.init)
            let mean = values.reduce(0, +) / 50
            return (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 50).squareRoot()
        }
        for sample in 0..<2 {
            let (own, plain) = (spread(a, sample), spread(Guidance(scale: 5)(a, b), sample))
            #expect(abs(spread(Guidance(scale: 5, rescale: 1)(a, b), sample) / own - 1) < 1e-4)
            let half = spread(Guidance(scale: 5, rescale: 0.5)(a, b), sample)
            #expect(abs(half / ((own + plain) / 2) - 1) < 1e-4)
        }
    }

    @Test func nothingToDraw() throws {
        let samples = try draw(.mlp, plan(.mlp, .ddpm, count: 0, batchSize: 4), .philox(seed: 0))
        #expect(samples.isEmpty)
    }

    @Test func classesTakeTurns() throws {
        func samples(_ classes: [Int]) throws -> [[Float]] {
            let all = try draw(
                .unet2d, plan(.unet2d, .ddim, count: 5, batchSize: 2, classes: classes), .philox(seed: 3))
            return stride(from: 0, to: all.count, by: 192).map { Array(all[$0..<$0 + 192]) }
        }
        let mixed = try samples([2, 0])
        let (twos, zeros) = (try samples([2]), try samples([0]))
        #expect(mixed == [twos[0], zeros[1], twos[2], zeros[3], twos[4]])
        #expect(twos[1] != zeros[1])
    }
}
