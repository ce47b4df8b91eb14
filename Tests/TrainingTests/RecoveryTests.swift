import Checkpoints
import Configurations
import DurableFiles
import Models
import NeuralNet
import Problems
import Safetensors
import TestSupport
import Testing
import Training

/// NaN and infinity: back to the last good state with half the learning rate, three times, then an error.
@Suite struct RecoveryTests {
    private struct Recovery: Equatable {
        var failed: Int
        var resumed: Int
        var scale: Double
    }

    /// Runs to the end or to a problem.
    private func run(_ rig: TrainingRig, in directory: String) throws -> (recoveries: [Recovery], problem: Problem?) {
        var recoveries: [Recovery] = []
        do {
            try rig.run(in: directory) {
                if case .recovered(let step, let resumed, let scale, let reason) = $0 {
                    recoveries.append(Recovery(failed: step, resumed: resumed, scale: scale))
                    #expect(!reason.isEmpty)
                }
            }
        } catch let problem as Problem {
            return (recoveries, problem)
        }
        return (recoveries, nil)
    }

    /// No number in any saved state may be out of range.
    private func expectSoundStates(_ directory: String) throws {
        for entry in try PosixFileSystem().list("\(directory)/checkpoints").entries {
            let file = try SafetensorsFile("\(directory)/checkpoints/\(entry.name)")
            for name in file.names { #expect(try file.floats(name).allSatisfy(\.isFinite), "\(entry.name) \(name)") }
        }
    }

    @Test func hopelessLearningRateFailsWithItsStep() throws {
        var rig = TrainingRig.mlp
        rig.optimization.learningRate = 1e30
        rig.optimization.warmupSteps = 0
        let directory = try TemporaryDirectory()
        let (recoveries, problem) = try run(rig, in: directory.path)
        #expect(
            recoveries == [
                Recovery(failed: 2, resumed: 0, scale: 0.5), Recovery(failed: 2, resumed: 0, scale: 0.25),
                Recovery(failed: 2, resumed: 0, scale: 0.125),
            ])
        #expect(problem?.code == .numerical)
        #expect(problem?.message.contains("in step 2 ") == true)
        #expect(problem?.path == "$.training.learning_rate")
        #expect(problem?.remedy != nil)
        #expect(try rig.store(directory.path).steps().isEmpty)
    }

    /// The step itself overflows, and a state is due at once.
    @Test func spoiltWeightsAreNeverSaved() throws {
        var rig = TrainingRig.mlp
        rig.optimization.rule = .sgd(momentum: 0, weightDecay: 0)
        rig.optimization.learningRate = 1e60
        rig.optimization.warmupSteps = 0
        rig.plan.checkpointEvery = 1
        rig.plan.validationEvery = nil
        let directory = try TemporaryDirectory()
        let (recoveries, problem) = try run(rig, in: directory.path)
        #expect(recoveries.map(\.failed) == [1, 1, 1])
        #expect(problem?.message.contains("in step 1 ") == true)
        #expect(try rig.store(directory.path).steps().isEmpty)
    }

    /// Weights may be saved on their way out of range: finite still, but nothing can go on from them.
    @Test func stateThatLeadsNowhereIsGivenUp() throws {
        var rig = TrainingRig.mlp
        rig.plan.checkpointEvery = 1
        rig.plan.validationEvery = nil
        rig.wrap = { FaultyDenoiser($0) { call, _ in (10...11).contains(call) ? .nan : 1 } }
        let directory = try TemporaryDirectory()
        let (recoveries, problem) = try run(rig, in: directory.path)
        #expect(
            recoveries == [
                Recovery(failed: 11, resumed: 10, scale: 0.5), Recovery(failed: 11, resumed: 9, scale: 0.25),
            ])
        #expect(problem == nil)
        #expect(try rig.store(directory.path).steps() == [rig.steps - 1, rig.steps])
    }

    /// One wrong answer of the network, as a fault of the machine would give.
    @Test func passingFaultIsOvercome() throws {
        var rig = TrainingRig.mlp
        rig.plan.validationEvery = nil
        rig.wrap = { FaultyDenoiser($0) { call, isTraining in isTraining && call == 12 ? .nan : 1 } }
        let directory = try TemporaryDirectory()
        let (recoveries, problem) = try run(rig, in: directory.path)
        #expect(recoveries == [Recovery(failed: 13, resumed: 10, scale: 0.5)])
        #expect(problem == nil)
        #expect(try rig.store(directory.path).steps().last == rig.steps)
        try expectSoundStates(directory.path)
    }

    @Test func faultBeforeTheFirstStateBeginsAnew() throws {
        var rig = TrainingRig.unet2d
        rig.wrap = { FaultyDenoiser($0) { call, isTraining in isTraining && call == 5 ? .infinity : 1 } }
        let directory = try TemporaryDirectory()
        let (recoveries, problem) = try run(rig, in: directory.path)
        #expect(recoveries == [Recovery(failed: 3, resumed: 0, scale: 0.5)])
        #expect(problem == nil)

        // What follows is the training that had the lower rate from the beginning, but for its record.
        var slower = TrainingRig.unet2d
        slower.optimization.learningRate /= 2
        let other = try TemporaryDirectory()
        try slower.run(in: other.path)
        let (a, b) = try (weights(rig, directory.path), weights(slower, other.path))
        #expect(a == b)
        try expectSoundStates(directory.path)
    }

    private func weights(_ rig: TrainingRig, _ directory: String) throws -> [Float] {
        try SafetensorsFile("\(directory)/checkpoints/step-000000\(rig.steps).safetensors").floats("denoiser.weights")
    }

    @Test func infiniteValidationLossIsAFailureToo() throws {
        var rig = TrainingRig.mlp
        rig.plan.validationBatches = 1
        // Call 4 is the first validation, after four steps.
        rig.wrap = { FaultyDenoiser($0) { call, isTraining in !isTraining && call == 4 ? .infinity : 1 } }
        let directory = try TemporaryDirectory()
        let (recoveries, problem) = try run(rig, in: directory.path)
        #expect(recoveries == [Recovery(failed: 4, resumed: 0, scale: 0.5)])
        #expect(problem == nil)
    }

    @Test func fourthFaultIsTheEnd() throws {
        var rig = TrainingRig.mlp
        rig.plan.validationEvery = nil
        rig.wrap = { FaultyDenoiser($0) { call, _ in call > 7 ? .nan : 1 } }
        let directory = try TemporaryDirectory()
        let (recoveries, problem) = try run(rig, in: directory.path)
        #expect(recoveries.map(\.scale) == [0.5, 0.25, 0.125])
        #expect(problem?.code == .numerical)
        #expect(problem?.message.contains("after 3 returns") == true)
        // What was saved before can still be used.
        #expect(try rig.store(directory.path).steps() == [5])
        try expectSoundStates(directory.path)
    }

    /// The lower rate and the count survive a stop.
    @Test func recoveriesAreRemembered() throws {
        var rig = TrainingRig.mlp
        rig.wrap = { FaultyDenoiser($0) { call, isTraining in isTraining && call == 2 ? .nan : 1 } }
        let directory = try TemporaryDirectory()
        try rig.run(in: directory.path, stopAt: 9)
        rig.wrap = { $0 }
        var rates: [Int: Double] = [:]
        try rig.run(in: directory.path, step: { rates[$0.step] = $0.learningRate })
        let plan = try undisturbedRates(rig)
        for (step, rate) in rates { #expect(rate == plan[step].map { $0 / 2 }) }
        #expect(rates.count == rig.steps - 9)
    }

    private func undisturbedRates(_ rig: TrainingRig) throws -> [Int: Double] {
        let directory = try TemporaryDirectory()
        var rates: [Int: Double] = [:]
        try rig.run(in: directory.path, step: { rates[$0.step] = $0.learningRate })
        return rates
    }
}
