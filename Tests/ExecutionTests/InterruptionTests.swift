import DurableFiles
import Foundation
import Glibc
import JobSpec
import Problems
import ProgramTestSupport
import StrictJSON
import TestSupport
import Testing

/// The promise that an interrupted job ends with the same bits as one that was left alone.
@Suite("an interrupted job") struct InterruptionTests {
    /// Kills an attempt after each of `count` random numbers of events, at no particular place in the code; then lets one
    /// end.
    ///
    /// - Returns: how many were killed before they had ended.
    private func kill(_ job: JobDirectory, _ count: Int, upTo events: Int, seed: UInt64) async throws -> Int {
        var random = SeededGenerator(seed: seed)
        for attempt in 1...count {
            let seen = try job.eventCount()
            let worker = try job.start(attempt: attempt, threads: attempt % 2 + 1)
            let further = Int.random(in: 0...events, using: &random)
            try await eventually("attempt \(attempt) tells \(further) events") {
                try job.eventCount() >= seen + further || !worker.isRunning
            }
            worker.send(SIGKILL)
            guard try await worker.wait() == .signal(SIGKILL) else { return attempt - 1 }
        }
        try await job.succeed(attempt: count + 1)
        return count
    }

    @Test("of training ends with the same weights after ten kills", arguments: [0, 0.1])
    func killedTraining(dropout: Double) async throws {
        let scene = try Scene()
        let undisturbed = try scene.job(1, TinyJobs.training(steps: 500, dropout: dropout))
        try await undisturbed.succeed()
        let killed = try scene.job(2, TinyJobs.training(steps: 500, dropout: dropout))
        #expect(try await kill(killed, 10, upTo: 16, seed: 1) == 10)
        #expect(try undisturbed.products() == killed.products())
        let starts = try killed.events().filter { $0["event"]?.string == "started" }.compactMap { $0["step"]?.integer }
        #expect(starts == starts.sorted() && starts.last ?? 0 > 5)
    }

    @Test("of sampling ends with the same pictures after ten kills", arguments: ["philox", "torch"])
    func killedSampling(rng: String) async throws {
        let scene = try Scene()
        _ = try await scene.trained()
        func sampling(_ id: Int) throws -> JobDirectory {
            try scene.job(
                id,
                TinyJobs.sampling(
                    model: "job:1", steps: 50, count: 60, batchSize: 2, rng: rng,
                    extra: "\"output\": {\"animation\": \"gif\"},"))
        }
        let undisturbed = try sampling(2)
        try await undisturbed.succeed()
        let killed = try sampling(3)
        #expect(try await kill(killed, 10, upTo: 4, seed: 2) == 10)
        #expect(try undisturbed.products() == killed.products())
    }

    @Test("of training that is asked to stop saves its state and goes on", arguments: [SIGTERM, SIGINT])
    func stoppedTraining(signal: Int32) async throws {
        let scene = try Scene()
        let undisturbed = try scene.job(1, TinyJobs.training(steps: 500))
        try await undisturbed.succeed()
        let stopped = try scene.job(2, TinyJobs.training(steps: 500))
        for (attempt, events) in [8, 20].enumerated() {
            let seen = try stopped.eventCount()
            let worker = try stopped.start(attempt: attempt + 1)
            try await eventually("it trains") { try stopped.eventCount() >= seen + events || !worker.isRunning }
            worker.send(signal)
            #expect(try await worker.wait() == .status(WorkerExit.checkpointed))
            #expect(try stopped.result(attempt: attempt + 1).outcome == .checkpointed)
        }
        let steps = try stopped.events().compactMap { $0["event"]?.string == "checkpoint" ? $0["step"]?.integer : nil }
        try await stopped.succeed(attempt: 3)
        let resumed = try stopped.events().last { $0["event"]?.string == "started" }
        // Nothing is done twice after an orderly stop.
        #expect(resumed?["step"]?.integer == steps.last)
        #expect(try undisturbed.products() == stopped.products())
    }

    @Test("of sampling that is asked to stop goes on in the middle of a batch")
    func stoppedSampling() async throws {
        let scene = try Scene()
        _ = try await scene.trained()
        let text = TinyJobs.sampling(model: "job:1", steps: 50, count: 64, batchSize: 32, rng: "torch")
        let undisturbed = try scene.job(2, text)
        try await undisturbed.succeed()
        let stopped = try scene.job(3, text)
        let worker = try stopped.start()
        try await eventually("it draws") { try stopped.eventCount() >= 1 || !worker.isRunning }
        worker.send(SIGTERM)
        #expect(try await worker.wait() == .status(WorkerExit.checkpointed))
        #expect(try stopped.exists("checkpoints/sampling.safetensors"))
        try await stopped.succeed(attempt: 2)
        #expect(try undisturbed.products() == stopped.products())
    }

    @Test("goes on from an older state when the newest is damaged")
    func damagedState() async throws {
        let scene = try Scene()
        let undisturbed = try scene.job(1, TinyJobs.training(steps: 200))
        try await undisturbed.succeed()
        let job = try scene.job(2, TinyJobs.training(steps: 200))
        let worker = try job.start()
        try await eventually("there are two states") {
            try job.exists("checkpoints/step-00000015.safetensors") || !worker.isRunning
        }
        worker.send(SIGKILL)
        try await worker.wait()
        let newest = try #require(
            PosixFileSystem().list(job("checkpoints")).entries.map(\.name).filter { !$0.hasPrefix(".") }.max())
        var bytes = try job.bytes("checkpoints/\(newest)")
        bytes[bytes.count / 2] ^= 1
        try PosixFileSystem().writeDurably(bytes, to: job("checkpoints/\(newest)"))
        try await job.succeed(attempt: 2)
        #expect(try job.events().contains { $0["event"]?.string == "damaged_checkpoint" })
        #expect(try undisturbed.products() == job.products())
    }

    @Test("begins anew, and says so, when its state is of an older version")
    func outdatedState() async throws {
        let scene = try Scene()
        let undisturbed = try scene.job(1, TinyJobs.training(steps: 20))
        try await undisturbed.succeed()
        let job = try scene.job(2, TinyJobs.training(steps: 20))
        let files = PosixFileSystem()
        try files.createDirectory(job("checkpoints"), mode: 0o700)
        let old = try files.read(Fixture.path("states/version-1.safetensors"), limit: 1 << 20)
        try files.writeAtomically(old, to: job("checkpoints/step-00000040.safetensors"))
        try await job.succeed(attempt: 2)
        #expect(job.log.split(separator: "\n").count { $0.contains("an older version") } == 1)
        #expect(try job.events().first { $0["event"]?.string == "started" }?["step"]?.integer == 0)
        #expect(try undisturbed.products() == job.products())
        #expect(try !job.exists("checkpoints/step-00000040.safetensors"))
    }

    @Test("leaves nothing behind that is half written")
    func stale() async throws {
        let scene = try Scene()
        let job = try scene.job(1, TinyJobs.training(steps: 10))
        let files = PosixFileSystem()
        let rubbish = [
            ".model.tmp-0123456789abcdef", "checkpoints/.step.tmp-0123456789abcdef", "outputs/.a.tmp-0123456789abcdef",
        ]
        for name in ["checkpoints", "outputs"] { try files.createDirectory(job(name), mode: 0o700) }
        for name in rubbish { try files.writeAtomically([1], to: job(name)) }
        // The daemon may be writing this one.
        try files.writeAtomically([1], to: job(".status.json.tmp-0123456789abcdef"))
        try await job.succeed()
        for name in rubbish { #expect(try !job.exists(name), "\(name)") }
        #expect(try job.exists(".status.json.tmp-0123456789abcdef"))
    }

    @Test("is not joined by a second worker")
    func lock() async throws {
        let job = try Scene().job(1, TinyJobs.training(steps: 1000))
        let first = try job.start()
        try await eventually("the first trains") { try job.eventCount() >= 2 || !first.isRunning }
        #expect(try await job.run(attempt: 2) == .status(WorkerExit.failed))
        #expect(try !job.exists(WorkerFiles.result(attempt: 2)))
        #expect(job.log.contains("another worker runs this job"))
        #expect(try await first.wait() == .status(WorkerExit.succeeded))
    }
}
