import Checkpoints
import Configurations
import Datasets
import DurableFiles
import Models
import NeuralNet
import TensorCore
import TestSupport
import Testing
import Training

/// The training of an autoencoder of 1,500 numbers on 8 x 8 pictures of shapes.
@Suite struct AutoencodingTests {
    private static var configuration: AutoencoderKLConfiguration {
        var c = AutoencoderKLConfiguration()
        (c.blockOutChannels, c.normNumGroups, c.latentChannels, c.sampleSize) = ([4, 8], 2, 3, ImageSize(8))
        (c.downBlockTypes, c.upBlockTypes) = ([.plain, .plain], [.plain, .plain])
        return c
    }

    private struct Run {
        var klWeight = 1e-6
        var plan = TrainingPlan(steps: 12, seed: 7)
        var threads = 1
        var losses: [Double] = []

        init() {
            plan.batchSize = 4
            plan.accumulation = 2
            plan.checkpointEvery = 5
            plan.validationEvery = 4
            plan.logEvery = 1
        }

        var dataset: SyntheticDatasetConfiguration {
            var shapes = SyntheticDatasetConfiguration()
            (shapes.name, shapes.count) = (.shapes, 40)
            shapes.images = ImageOptions(resolution: 8, channels: 3, horizontalFlip: true)
            shapes.validationSplit = .count(8)
            return shapes
        }

        mutating func run(in directory: String, stopAt stop: Int? = nil) throws -> [UInt8]? {
            let device = Device(threads: threads)
            let autoencoder = AutoencoderKL(AutoencodingTests.configuration, on: device)
            var losses: [Double] = []
            let trainer = try Trainer(
                AutoencodingTask(autoencoder, distance: .meanAbsolute, klWeight: klWeight, seed: 7),
                [
                    LearnerGroup(
                        "autoencoder", autoencoder, .random(seed: 7),
                        Optimization(
                            .adam(Adam(isDecoupled: true)), learningRate: 3e-3, maxGradientNorm: 1, averageDecay: 0.9))
                ], dataset: Dataset(.synthetic(dataset), seed: 7), plan: plan,
                store: TrainingStateStore(Path.join(directory, "checkpoints"), fingerprint: "a", keep: 2),
                preview: { _ in }
            ) { if case .logged(_, let means) = $0 { losses.append(means[0].value) } }
            let outcome = try trainer.run(stopAt: stop)
            self.losses += losses
            guard outcome == .finished else { return nil }
            let digits = String(plan.steps)
            let name = "step-" + String(repeating: "0", count: 8 - digits.count) + digits + ".safetensors"
            return try PosixFileSystem().read(Path.join(directory, "checkpoints/\(name)"), limit: 1 << 26)
        }
    }

    @Test func givesPicturesBackEverBetter() throws {
        var run = Run()
        run.plan.steps = 150
        let directory = try TemporaryDirectory()
        _ = try run.run(in: directory.path)
        let (first, last) = (run.losses.prefix(5).reduce(0, +) / 5, run.losses.suffix(5).reduce(0, +) / 5)
        #expect(last < first / 3, "\(first) to \(last)")
    }

    /// Stops, threads, and what is kept for the gradients change no bit.
    @Test func isExactlyRepeatable() throws {
        func train(_ change: (inout Run) -> Void = { _ in }) throws -> [UInt8]? {
            var run = Run()
            change(&run)
            return try run.run(in: TemporaryDirectory().path)
        }
        let expected = try #require(try train())
        #expect(try train { $0.threads = 2 } == expected)
        #expect(try train { $0.plan.gradientCheckpointing = true } == expected)
        #expect(try train { $0.klWeight = 1 } != expected)
        for stop in [3, 5, 11] {
            let directory = try TemporaryDirectory()
            var run = Run()
            #expect(try run.run(in: directory.path, stopAt: stop) == nil)
            #expect(try run.run(in: directory.path) == expected, "stopped after step \(stop)")
        }
    }

    /// Both terms as they are written down.
    @Test func lossIsDistanceAndDivergence() throws {
        let device = Device(threads: 1)
        let autoencoder = AutoencoderKL(Self.configuration, on: device)
        autoencoder.initialize(seed: 3)
        let batch = try Dataset(.synthetic(Run().dataset), seed: 7).validationBatch(0, size: 4, on: device)
        let latents = autoencoder.encode(batch.x)
        let given = autoencoder.decode(latents.mean)
        let distance = Float((given - batch.x).sumOfSquares / Double(batch.x.elementCount))
        let task = AutoencodingTask(autoencoder, distance: .meanSquared, klWeight: 2, seed: 1)
        let losses = task.validationLosses(of: batch, first: 0)
        let loss = losses.total.item
        let expected = distance + 2 * latents.divergence.item / (8 * 8 * 3)
        #expect(abs(loss - expected) < 1e-4 * expected)
        // Both are logged beside it, the divergence without its weight.
        #expect(losses.all.map(\.name) == ["loss", "reconstruction", "kl"])
        #expect(abs(loss - (losses.all[1].value.item + 2 * losses.all[2].value.item)) < 1e-6 * expected)
    }

    @Test func scaleBringsLatentsToADeviationOfOne() throws {
        let device = Device(threads: 1)
        let autoencoder = AutoencoderKL(Self.configuration, on: device)
        autoencoder.initialize(seed: 3)
        let pictures = try Dataset(.synthetic(Run().dataset), seed: 7).validationBatch(0, size: 8, on: device).x
        let deviation = try autoencoder.fitScale(to: [pictures.sliced(axis: 0, 0..<4), pictures.sliced(axis: 0, 4..<8)])
        #expect(autoencoder.configuration.scalingFactor == 1 / deviation)
        let z = autoencoder.scaled(autoencoder.encode(pictures).mean)
        let mean = z.mean().item
        #expect(abs((z - mean).sumOfSquares / Double(z.elementCount) - 1) < 1e-4)
        #expect(
            try autoencoder.fitScale(to: [Tensor]()) == 0 && autoencoder.configuration.scalingFactor == 1 / deviation)
    }
}
