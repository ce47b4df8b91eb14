import Checkpoints
import Configurations
import DurableFiles
import Models
import NeuralNet
import Problems
import TensorCore
import TestSupport
import Testing

/// A tiny training to have states of.
private struct Toy {
    let parameters: ParameterBuffer
    let optimizer: Optimizer

    init(hiddenSize: Int = 4) {
        let model = MLPDenoiser(
            MLPConfiguration(dataDimension: 2, hiddenSize: hiddenSize, hiddenLayers: 1), numTrainTimesteps: 10,
            on: Device(threads: 1))
        model.initialize(seed: 1)
        parameters = ParameterBuffer(model)
        optimizer = Optimizer(
            .adam(Adam(beta2: 0.99)), parameters, averaging: true)
    }

    private func group(_ name: String, _ tensor: (Int) -> Tensor) -> TrainingState.Group {
        TrainingState.Group(name: name, weights: tensor(0), average: tensor(1), moments: [tensor(2), tensor(3)])
    }

    /// What a state must be like.
    private var groups: [TrainingState.Group] {
        ["a", "b"].map {
            TrainingState.Group(
                name: $0, weights: parameters.weights, average: optimizer.average, moments: optimizer.moments)
        }
    }

    /// A state of two groups whose every number depends on the step.
    func state(_ step: Int, best: Int? = nil) -> TrainingState {
        func tensor(_ number: Int) -> Tensor {
            var generator = SeededGenerator(seed: UInt64(step * 10 + number))
            return Tensor(
                generator.floats(parameters.weights.elementCount), shape: parameters.weights.shape,
                on: parameters.weights.device)
        }
        var record = TrainingRecord()
        record.learningRateScale = 0.5
        record.recoveries = 1
        record.losses = ["total", "part"].map { .init($0, points: [.init(step: step, loss: 1 / 3 + Double(step))]) }
        record.pending = [[0.1, 0.2], [0.3, 0.4]]
        record.best = best.map { .init(step: $0, loss: 0.25) }
        return TrainingState(
            step: step, groups: [group("a", tensor), group("b") { tensor($0 + 4) }], record: record)
    }

    func newest(_ store: TrainingStateStore, skipped: (Problem) throws -> Void = { throw $0 }) throws -> TrainingState?
    {
        try store.newest(like: groups, skipped: skipped)
    }
}

/// Whether two states agree to the bit.
private func agree(_ a: TrainingState, _ b: TrainingState) -> Bool {
    func values(_ group: TrainingState.Group) -> [[Float]] {
        ([group.weights] + [group.average].compactMap(\.self) + group.moments).map { $0.array() }
    }
    return a.step == b.step && a.groups.map(\.name) == b.groups.map(\.name)
        && a.groups.map(values) == b.groups.map(values) && a.record == b.record
}

@Suite struct TrainingStateStoreTests {
    private let toy = Toy()
    private let files = PosixFileSystem()

    private func store(_ directory: String, keep: Int = 2, in files: any FileSystem = PosixFileSystem())
        -> TrainingStateStore
    { TrainingStateStore("\(directory)/checkpoints", fingerprint: "a", keep: keep, in: files) }

    @Test func stateComesBackToTheBit() throws {
        let directory = try TemporaryDirectory()
        let store = store(directory.path)
        #expect(try toy.newest(store) == nil)
        let path = try store.save(toy.state(200))
        #expect(path == directory("checkpoints/step-00000200.safetensors"))
        #expect(agree(try #require(try toy.newest(store)), toy.state(200)))
    }

    @Test func crashLeavesTheOldStateOrTheNew() throws {
        let tried = try CrashTest.run { directory in
            for step in [1, 2] { try store(directory).save(toy.state(step, best: 1)) }
        } operation: { files, directory in
            try store(directory, keep: 1, in: files).save(toy.state(3, best: 1))
        } check: { directory, point in
            let store = store(directory, keep: 1)
            let newest = try #require(try toy.newest(store), "\(point)")
            #expect(agree(newest, toy.state(newest.step, best: 1)), "\(point)")
            #expect(newest.step == 3 || !point.isComplete && newest.step == 2, "\(point)")
            #expect(try store.steps().contains(1), "\(point)")
            // The next save leaves nothing but what is to be kept.
            try store.save(toy.state(4, best: 1))
            #expect(try store.steps() == [1, 4], "\(point)")
            #expect(try files.list(store.directory).entries.count == 2, "\(point)")
        }
        #expect(tried > 50)
    }

    @Test func firstSaveMayCrashAnywhere() throws {
        try CrashTest.run { files, directory in
            try store(directory, in: files).save(toy.state(1))
        } check: { directory, point in
            let newest = try toy.newest(store(directory))
            #expect(newest?.step == 1 || !point.isComplete && newest == nil, "\(point)")
        }
    }

    @Test func newestStatesAndTheBestStay() throws {
        let directory = try TemporaryDirectory()
        let store = store(directory.path)
        for step in 1...6 { try store.save(toy.state(step, best: step < 3 ? step : 3)) }
        #expect(try store.steps() == [3, 5, 6])
        try store.save(toy.state(7, best: 7))
        #expect(try store.steps() == [6, 7])
    }

    @Test func stepsSortAsNumbers() throws {
        let directory = try TemporaryDirectory()
        let store = store(directory.path, keep: 3)
        for step in [99_999_999, 100_000_000, 1_000_000_000] { try store.save(toy.state(step)) }
        #expect(try store.steps() == [99_999_999, 100_000_000, 1_000_000_000])
        #expect(try toy.newest(store)?.step == 1_000_000_000)
    }

    @Test func otherFilesAreLeftAlone() throws {
        let directory = try TemporaryDirectory()
        let store = store(directory.path, keep: 1)
        try store.save(toy.state(1))
        let others = ["step-5.safetensors", "step--0000005.safetensors", "step-x.safetensors", "notes.txt"]
        for name in others { try files.writeAtomically([1], to: Path.join(store.directory, name)) }
        try files.createDirectory(Path.join(store.directory, "step-00000009.safetensors"), mode: 0o777)
        try store.save(toy.state(2))
        #expect(try store.steps() == [2])
        #expect(try toy.newest(store)?.step == 2)
        #expect(try files.list(store.directory).entries.count == others.count + 2)
    }

    @Test func damagedNewestFallsBackToTheOneBefore() throws {
        let directory = try TemporaryDirectory()
        let store = store(directory.path)
        for step in [1, 2] { try store.save(toy.state(step)) }
        let path = Path.join(store.directory, "step-00000002.safetensors")
        let whole = try files.read(path, limit: 1 << 20)
        let flipped = whole.indices.map { index in
            var bytes = whole
            bytes[index] ^= 1 << UInt8(index % 8)
            return bytes
        }
        let truncated = stride(from: 0, to: whole.count, by: 7).map { Array(whole.prefix($0)) }
        var harmless = 0
        for bytes in flipped + truncated + [whole + [0]] {
            try files.writeAtomically(bytes, to: path)
            var told: [Problem] = []
            let newest = try #require(try toy.newest(store) { told.append($0) })
            if newest.step == 2 {
                // A space that pads the header became other white space.
                harmless += 1
                #expect(agree(newest, toy.state(2)) && told.isEmpty)
            } else {
                #expect(agree(newest, toy.state(1)))
                #expect(told.count == 1 && told[0].code == .corrupt && told[0].file == path && told[0].remedy != nil)
            }
        }
        #expect(harmless < 8)
    }

    @Test func damagedStateNeverPushesOutAWholeOne() throws {
        let directory = try TemporaryDirectory()
        let store = store(directory.path, keep: 1)
        for step in [1, 9] {
            try TrainingStateStore(store.directory, fingerprint: "a", keep: 2).save(toy.state(step))
        }
        try files.writeAtomically([0], to: Path.join(store.directory, "step-00000009.safetensors"))
        try store.save(toy.state(5))
        #expect(try store.steps() == [5])
        #expect(try toy.newest(store)?.step == 5)
    }

    @Test func allDamagedIsNone() throws {
        let directory = try TemporaryDirectory()
        let store = store(directory.path)
        for step in [1, 2] {
            let path = try store.save(toy.state(step))
            try files.writeAtomically([0], to: path)
        }
        var told: [Problem] = []
        #expect(try toy.newest(store) { told.append($0) } == nil)
        #expect(told.compactMap(\.file).map(Path.name) == ["step-00000002.safetensors", "step-00000001.safetensors"])
    }

    @Test func stateOfAnotherConfigurationIsRefused() throws {
        let directory = try TemporaryDirectory()
        try store(directory.path).save(toy.state(1))
        let problem = #expect(throws: Problem.self) {
            try toy.newest(TrainingStateStore(directory("checkpoints"), fingerprint: "b", keep: 2))
        }
        #expect(problem?.code == .invalid)
        #expect(problem?.remedy != nil)
    }

    /// A state as version 0.1 wrote it, by a training that was interrupted before an update of the program.
    @Test func stateOfAnOlderVersionIsSkipped() throws {
        let directory = try TemporaryDirectory()
        try store(directory.path).save(toy.state(1))
        let old = try files.read(Fixture.path("states/version-1.safetensors"), limit: 1 << 20)
        try files.writeAtomically(old, to: Path.join(directory("checkpoints"), "step-00000040.safetensors"))
        var told: [Problem] = []
        #expect(try toy.newest(store(directory.path)) { told.append($0) } == nil)
        #expect(told.map(\.code) == [.unsupported])
        #expect(told.first?.message.contains("older version") == true)
        // The training that begins anew leaves nothing of it.
        try store(directory.path).save(toy.state(2))
        #expect(try store(directory.path).steps() == [1, 2])
    }

    @Test func stateOfAnotherSizeIsDamaged() throws {
        let directory = try TemporaryDirectory()
        try store(directory.path).save(toy.state(1))
        var told: [Problem] = []
        #expect(try Toy(hiddenSize: 40).newest(store(directory.path)) { told.append($0) } == nil)
        #expect(told.map(\.code) == [.corrupt])
    }

    @Test func fullDiskKeepsTheOldState() throws {
        let full = Problem(.diskFull, "no space left")
        // Each call may be the one that fails.
        for call in 0..<8 {
            let directory = try TemporaryDirectory()
            try store(directory.path).save(toy.state(1))
            let failing = try CrashingFileSystem(directory.path, .fail(atCall: call, full))
            let problem = #expect(throws: Problem.self) {
                try store(directory.path, keep: 1, in: failing).save(toy.state(2))
                if failing.calls.count <= call { throw full }
            }
            #expect(problem?.code == .diskFull)
            #expect(try toy.newest(store(directory.path)) != nil)
        }
    }
}
