import Checkpoints
import Configurations
import Datasets
import DurableFiles
import NeuralNet
import Safetensors
import TensorCore
import TestSupport
import Testing
import Training

/// Two networks of 30 numbers in turns: one makes points from noise, the other tells them from the data (least squares
/// GAN, Mao et al. 2017).
private struct Adversaries: TrainingTask {
    final class Network: Module {
        let (first, last): (Linear, Linear)

        init(_ outputs: Int, on device: Device) {
            first = Linear(2, 6, on: device)
            last = Linear(6, outputs, on: device)
        }

        func visit(_ visitor: inout ParameterVisitor) {
            visitor("first", first)
            visitor("last", last)
        }

        func callAsFunction(_ x: Tensor) -> Tensor { last(first(x).silu()) }
    }

    static let (generatorTurn, discriminatorTurn) = (0, 1)

    let generator: Network
    let discriminator: Network
    /// Receives the turn and the weights of both networks before each pass.
    let watch: (_ turn: Int, _ weights: [[Float]]) -> Void

    init(on device: Device, watch: @escaping (Int, [[Float]]) -> Void = { _, _ in }) {
        generator = Network(2, on: device)
        discriminator = Network(1, on: device)
        self.watch = watch
    }

    var weights: [[Float]] { [generator, discriminator].map { $0.parameters.flatMap { $0.parameter.value.array() } } }

    func losses(of batch: Batch, at place: BatchPlace) -> Losses {
        watch(place.turn, weights)
        let noise = Tensor.normal(
            batch.x.shape, seed: 1, purpose: .trainingNoise, step: place.step, firstSample: place.first,
            on: batch.x.device)
        let made = discriminator(generator(noise))  // (N, 1)
        if place.turn == Self.generatorTurn { return Losses((made - 1).squared().mean(), name: "generator") }
        let (real, fake) = ((discriminator(batch.x) - 1).squared().mean(), made.squared().mean())
        return Losses(real + fake, name: "discriminator", ["real": real, "fake": fake])
    }

    func validationLosses(of batch: Batch, first: Int) -> Losses {
        Losses((discriminator(batch.x) - 1).squared().mean())
    }

    func groups() -> [LearnerGroup] {
        [
            LearnerGroup(
                "discriminator", discriminator, .random(seed: 2), Optimization(.adam(Adam()), learningRate: 1e-2),
                turn: Self.discriminatorTurn),
            LearnerGroup(
                "generator", generator, .random(seed: 3),
                Optimization(.sgd(momentum: 0.5, weightDecay: 0), learningRate: 1e-2, averageDecay: 0.9),
                turn: Self.generatorTurn),
        ]
    }
}

@Suite("a training of two networks in turns") struct AdversarialTests {
    private func train(_ task: Adversaries, in directory: String, stopAt stop: Int? = nil) throws -> TrainingRecord {
        var plan = TrainingPlan(steps: 14, seed: 7)
        (plan.batchSize, plan.accumulation, plan.checkpointEvery, plan.logEvery) = (5, 2, 4, 3)
        var points = SyntheticDatasetConfiguration()
        (points.count, points.validationSplit) = (60, .count(10))
        let trainer = try Trainer(
            task, task.groups(), dataset: Dataset(.synthetic(points), seed: 7), plan: plan,
            store: TrainingStateStore(Path.join(directory, "checkpoints"), fingerprint: "a", keep: 2),
            preview: { _ in }, report: { _ in })
        _ = try trainer.run(stopAt: stop)
        return trainer.record
    }

    @Test("moves one of them in each turn") func turns() throws {
        var seen: [(turn: Int, weights: [[Float]])] = []
        let task = Adversaries(on: Device(threads: 1)) { seen.append(($0, $1)) }
        _ = try train(task, in: TemporaryDirectory().path)
        // Two batches a turn, two turns a step.
        #expect(seen.map(\.turn) == (0..<14).flatMap { _ in [0, 0, 1, 1] })
        for (before, after) in zip(seen, seen.dropFirst() + [(turn: 0, weights: task.weights)]) {
            let changed = zip(before.weights, after.weights).map { $0 != $1 }
            // Weights change at the end of a turn: those of the network whose turn it was.
            let isLast = before.turn != after.turn
            #expect(changed == [isLast && before.turn == 0, isLast && before.turn == 1])
        }
    }

    @Test("logs the losses of both by name") func losses() throws {
        let record = try train(Adversaries(on: Device(threads: 1)), in: TemporaryDirectory().path)
        #expect(record.losses.map(\.name) == ["generator", "discriminator", "real", "fake"])
        for curve in record.losses { #expect(curve.points.map(\.step) == [3, 6, 9, 12, 14], "\(curve.name)") }
        for place in 0..<5 {
            let parts = record.losses[2...].map { $0.points[place].loss }
            #expect(abs(record.losses[1].points[place].loss - parts.reduce(0, +)) < 1e-6)
        }
        #expect(record.validationLosses.map(\.name) == ["loss"])
    }

    @Test("ends with the same bits wherever it was interrupted") func interrupted() throws {
        func state(_ directory: TemporaryDirectory) throws -> [UInt8] {
            try PosixFileSystem().read(directory("checkpoints/step-00000014.safetensors"), limit: 1 << 20)
        }
        let undisturbed = try TemporaryDirectory()
        let record = try train(Adversaries(on: Device(threads: 1)), in: undisturbed.path)
        let names = try SafetensorsFile(undisturbed("checkpoints/step-00000014.safetensors")).names
        #expect(
            names.sorted() == [
                "discriminator.moment.0", "discriminator.moment.1", "discriminator.weights", "generator.average",
                "generator.moment.0", "generator.weights",
            ])
        for stop in 0..<14 {
            let directory = try TemporaryDirectory()
            _ = try train(Adversaries(on: Device(threads: 1)), in: directory.path, stopAt: stop)
            let resumed = try train(Adversaries(on: Device(threads: 1)), in: directory.path)
            #expect(resumed == record, "stopped after step \(stop)")
            #expect(try state(directory) == state(undisturbed), "stopped after step \(stop)")
        }
    }
}
