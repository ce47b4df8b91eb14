import DurableFiles
import Foundation
import Glibc
import JobSpec
import Problems
import ProgramTestSupport
import StrictJSON
import TestSupport
import Testing

/// The queue's promise under fire: an accepted job is never lost, never run twice at a time, and ends in a state that is true.
@Suite("a kill loop") struct KillLoopTests {
    /// A mixed load: trainings of pictures and points, and pictures and points from their models.
    private static var load: [(name: String, json: String)] {
        func sampling(_ name: String, of model: String, _ text: String) -> (String, String) {
            (name, text.replacing("\"seed\": 3", with: "\"after\": [\"\(model)\"], \"seed\": 3"))
        }
        let dots = """
            {"kind": "sample", "name": "dots", "model": "points", "sampler": {"name": "ddim", "steps": 20}, "count": 500,
             "batch_size": 10, "after": ["points"], "seed": 3}
            """
        return [
            ("plain", TinyJobs.training("plain", steps: 400)),
            ("points", TinyJobs.points("points", steps: 3000)),
            ("drop", TinyJobs.training("drop", steps: 400, dropout: 0.1, seed: 2)),
            sampling(
                "philox", of: "plain", TinyJobs.sampling("philox", model: "plain", steps: 50, count: 160, batchSize: 2)),
            sampling(
                "torch", of: "drop",
                TinyJobs.sampling("torch", model: "drop", steps: 50, count: 160, batchSize: 4, rng: "torch")),
            ("dots", dots),
        ]
    }

    private static let names = load.map(\.name)

    @Test("over a mixed load loses nothing, doubles nothing and changes no bit")
    func killLoop() async throws {
        let settings = ["retry_backoff": "0", "crash_limit": "1000", "max_workers": "2"]
        let undisturbed = try await LiveService(settings)
        for job in Self.load { try await undisturbed.submit(job.json) }
        #expect(try await undisturbed.ended(Self.names) == Self.names.map { _ in .succeeded })

        let service = try await LiveService(settings)
        for job in Self.load {
            try Data(job.json.utf8).write(to: URL(filePath: service.incoming("\(job.name).json")))
            // Jobs name others of these, which must have been accepted by then.
            if job.name == "drop" {
                for training in ["plain", "points", "drop"] { _ = try await service.accepted(training) }
            }
        }
        let kills = try await fire(at: service, for: .seconds(60), seed: 1)
        #expect(try await service.ended(Self.names) == Self.names.map { _ in .succeeded }, "\(service.log)")
        #expect(kills.workers >= 10 && kills.daemons >= 10, "\(kills)")
        #expect(try service.names("incoming").isEmpty && service.names("rejected").isEmpty)
        #expect(try service.names("jobs").count == Self.names.count)

        for name in Self.names {
            let (job, model) = (try service.folder(name), try undisturbed.folder(name))
            #expect(try job.products() == model.products(), "\(name)")
            // Each attempt's events come before those of the next: no two workers were at work at a time.
            let attempts = try job.events().filter { $0["event"]?.string != "state" }.compactMap {
                $0["attempt"]?.integer
            }
            #expect(attempts == attempts.sorted(), "\(name): \(attempts)")
            #expect(try job.events().last { $0["event"]?.string == "state" }?["state"]?.string == "succeeded")
            #expect(try job.status()?.finishedAt != nil)
        }
    }

    /// Kills workers, the daemon, or both at random moments, until all is done or the time is up.
    private func fire(
        at service: LiveService, for time: Duration, seed: UInt64
    ) async throws -> (workers: Int, daemons: Int) {
        var random = SeededGenerator(seed: seed)
        var kills = (workers: 0, daemons: 0)
        let clock = ContinuousClock()
        let end = clock.now + time
        while clock.now < end, try Self.names.contains(where: { try service.job($0)?.status()?.state.isFinal != true })
        {
            try await clock.sleep(for: .milliseconds(Int.random(in: 30...400, using: &random)))
            let target = Int.random(in: 0..<3, using: &random)
            if target != 0 {
                for pid in service.workers().values {
                    kill(pid, SIGKILL)
                    kills.workers += 1
                }
            }
            if target != 1 {
                try await service.stop(SIGKILL)
                kills.daemons += 1
                try await service.start()
            }
        }
        return kills
    }
}
