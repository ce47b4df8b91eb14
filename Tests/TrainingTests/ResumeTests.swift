import Checkpoints
import Configurations
import DurableFiles
import NeuralNet
import Problems
import TensorCore
import TestSupport
import Testing
import Training

/// A training that is interrupted, in whatever way and wherever, ends with the bits of one that was not: weights, average,
/// moments and record, compared as they lie on the disk.
@Suite struct ResumeTests {
    enum Kind: CaseIterable {
        case mlp, unet2d, muon

        var rig: TrainingRig {
            switch self {
            case .mlp: return .mlp
            case .unet2d: return .unet2d
            case .muon:
                var rig = TrainingRig.unet2d
                rig.optimization.rule = .muon(momentum: 0.95, others: Adam(weightDecay: 0.01, isDecoupled: true))
                return rig
            }
        }
    }

    /// Ends a run at once, as a signal that cannot be caught would.
    private struct Killed: Error {}

    private let files = PosixFileSystem()

    private func undisturbed(_ rig: TrainingRig) throws -> [UInt8] {
        let directory = try TemporaryDirectory()
        #expect(try rig.run(in: directory.path) == .finished)
        return try rig.finalState(in: directory.path)
    }

    @Test(arguments: Kind.allCases) func stoppedAfterAnyStep(_ kind: Kind) throws {
        let rig = kind.rig
        let expected = try undisturbed(rig)
        for stop in 0..<rig.steps {
            let directory = try TemporaryDirectory()
            #expect(try rig.run(in: directory.path, stopAt: stop) == .stopped(step: stop))
            #expect(try rig.run(in: directory.path) == .finished)
            #expect(try rig.finalState(in: directory.path) == expected, "stopped after step \(stop)")
        }
    }

    /// A step of very many batches takes longer than a stop may: it is given up, and begun again.
    @Test func stoppedWithinAStep() throws {
        var rig = TrainingRig.mlp
        rig.plan.accumulation = 50
        rig.steps = 4
        let expected = try undisturbed(rig)
        let directory = try TemporaryDirectory()
        for batches in [1, 49, 51, 120] {
            var asked = 0
            let outcome = try rig.run(
                in: directory.path,
                isStopping: {
                    asked += 1
                    return asked > batches
                })
            #expect(outcome != .finished && asked <= batches + 3, "\(asked) questions")
        }
        #expect(try rig.run(in: directory.path) == .finished)
        #expect(try rig.finalState(in: directory.path) == expected)
    }

    /// Wherever a stop is looked for: 22 steps of a batch, and six validations of two, the last of them after the last step.
    @Test func stoppedBeforeAnyBatch() throws {
        let rig = TrainingRig.mlp
        let expected = try undisturbed(rig)
        for batch in 0..<34 {
            let directory = try TemporaryDirectory()
            var asked = 0
            let outcome = try rig.run(
                in: directory.path,
                isStopping: {
                    asked += 1
                    return asked > batch
                })
            #expect(outcome != .finished && asked == batch + 1)
            #expect(try rig.run(in: directory.path) == .finished)
            #expect(try rig.finalState(in: directory.path) == expected, "stopped before batch \(batch)")
        }
    }

    /// Dropout, accumulated batches and all.
    @Test func checkpointingGradientsChangesNoBit() throws {
        var rig = TrainingRig.unet2d
        let expected = try undisturbed(rig)
        rig.plan.gradientCheckpointing = true
        #expect(try undisturbed(rig) == expected)
    }

    @Test(arguments: Kind.allCases) func stoppedAgainAndAgain(_ kind: Kind) throws {
        let rig = kind.rig
        let directory = try TemporaryDirectory()
        var done = 0
        while try rig.run(in: directory.path, stopAt: done + 2) != .finished { done += 2 }
        #expect(done > 5)
        #expect(try rig.finalState(in: directory.path) == undisturbed(rig))
    }

    /// Nothing is saved when a process is killed: the next begins from the state before.
    @Test(arguments: Kind.allCases) func killedAtAnyEvent(_ kind: Kind) throws {
        let rig = kind.rig
        let expected = try undisturbed(rig)
        var event = 0
        while true {
            let directory = try TemporaryDirectory()
            var count = 0
            do {
                func live() throws {
                    if count == event { throw Killed() }
                    count += 1
                }
                try rig.run(in: directory.path, report: { _ in try live() }, step: { _ in try live() })
                break
            } catch is Killed {
                try rig.run(in: directory.path)
                #expect(try rig.finalState(in: directory.path) == expected, "killed at event \(event)")
            }
            event += kind == .mlp ? 1 : 3
        }
        #expect(event > rig.steps)
    }

    @Test(arguments: Kind.allCases) func newestStateLostOrDamaged(_ kind: Kind) throws {
        let rig = kind.rig
        let expected = try undisturbed(rig)
        var random = SeededGenerator(seed: 4)
        for turn in 0..<10 {
            let directory = try TemporaryDirectory()
            let stop = Int.random(in: 6..<rig.steps, using: &random)
            try rig.run(in: directory.path, stopAt: stop)
            let newest = try #require(try rig.store(directory.path).steps().last)
            #expect(newest == stop)
            let name = try #require(try files.list(directory("checkpoints")).entries.last?.name)
            let path = directory("checkpoints/\(name)")
            var expectsReport = true
            switch turn % 3 {
            case 0:
                try files.removeFile(path)
                expectsReport = false
            case 1:
                var bytes = try files.read(path, limit: 1 << 26)
                bytes[bytes.count - Int.random(in: 1..<5000, using: &random)] ^= 4
                try files.writeAtomically(bytes, to: path)
            default:
                let bytes = try files.read(path, limit: 1 << 26)
                try files.writeAtomically(
                    Array(bytes.prefix(Int.random(in: 0..<bytes.count, using: &random))), to: path)
            }
            var damaged: [String?] = []
            try rig.run(in: directory.path) {
                if case .damagedCheckpoint(let problem) = $0 { damaged.append(problem.file) }
            }
            // The trainer looks before the run begins, and reports before it too.
            #expect(damaged == (expectsReport ? [path] : []))
            #expect(try rig.finalState(in: directory.path) == expected, "turn \(turn)")
        }
    }

    @Test(arguments: Kind.allCases) func threadsChangeNothing(_ kind: Kind) throws {
        var rig = kind.rig
        let expected = try undisturbed(rig)
        for threads in [2, 3] {
            rig.threads = threads
            #expect(try undisturbed(rig) == expected, "\(threads) threads")
        }
    }

    /// What is logged and measured, whoever was interrupted when.
    @Test func reportsAreThoseOfAnUndisturbedTraining() throws {
        let rig = TrainingRig.mlp
        struct Reports: Equatable {
            var logged: [Int: Double] = [:]
            var validation: [Int: Double] = [:]

            mutating func note(_ event: TrainingEvent) {
                switch event {
                case .logged(let step, let means): logged[step.step] = means[0].value
                case .validation(let step, let losses): validation[step] = losses[0].value
                default: break
                }
            }
        }
        var expected = Reports()
        let directory = try TemporaryDirectory()
        try rig.run(in: directory.path) { expected.note($0) }
        #expect(expected.logged.keys.sorted() == [3, 6, 9, 12, 15, 18, 21, 22])
        #expect(expected.validation.keys.sorted() == [4, 8, 12, 16, 20, 22])
        for stop in [1, 4, 5, 14] {
            let directory = try TemporaryDirectory()
            var reports = Reports()
            try rig.run(in: directory.path, stopAt: stop) { reports.note($0) }
            try rig.run(in: directory.path) { reports.note($0) }
            #expect(reports == expected, "stopped after step \(stop)")
        }
    }

    @Test func finishedTrainingTakesNoStep() throws {
        let rig = TrainingRig.mlp
        let directory = try TemporaryDirectory()
        try rig.run(in: directory.path)
        var steps = 0
        #expect(try rig.run(in: directory.path, step: { _ in steps += 1 }) == .finished)
        #expect(steps == 0)
    }
}
