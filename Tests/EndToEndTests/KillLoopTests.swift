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
    private static let settings = ["retry_backoff": "0", "crash_limit": "1000", "max_workers": "2"]

    /// Signals sent, by whom they met.
    private struct Kills {
        var daemon = 0
        var workers = 0
        var both = 0
        var total: Int { daemon + workers + both }
    }

    /// `make torture` sets the number of kills; without it there is one round.
    private static let count = ProcessInfo.processInfo.environment["DIFFD_TORTURE"].flatMap { Int($0) }
    /// Afterwards a round is left alone until it ends, and another begins.
    private static let killsPerRound = 50

    @Test("over a mixed load loses nothing, doubles nothing and changes no bit")
    func killLoop() async throws {
        let undisturbed = try await LiveService(Self.settings)
        for job in Self.load { try await undisturbed.submit(job.json) }
        #expect(try await undisturbed.ended(Self.names) == Self.names.map { _ in .succeeded })

        var kills = Kills()
        var (rounds, attempts, files) = (0, 0, 0)
        repeat {
            rounds += 1
            let service = try await LiveService(Self.settings)
            try await drop(on: service)
            let limit = Self.count.map { min(Self.killsPerRound, $0 - kills.total) } ?? 2 * Self.killsPerRound
            try await fire(at: service, &kills, atMost: limit, seed: UInt64(rounds))
            #expect(try await service.ended(Self.names) == Self.names.map { _ in .succeeded }, "\(service.log)")
            attempts += try expectWhole(service)
            files += try expectSame(service, undisturbed)
        } while kills.total < Self.count ?? 0
        #expect(kills.daemon + kills.both >= 10 && kills.workers + kills.both >= 10, "\(kills)")
        guard Self.count != nil else { return }
        print(
            """
            \(kills.total) kills: \(kills.daemon) of the daemon, \(kills.workers) of workers, \(kills.both) of both
            \(rounds * Self.names.count) jobs in \(rounds) rounds, \(attempts) attempts: none lost, none run twice at a time, all succeeded
            \(files) files of weights and pictures, each the same bit for bit as undisturbed
            """)
    }

    private func drop(on service: LiveService) async throws {
        for job in Self.load {
            try Data(job.json.utf8).write(to: URL(filePath: service.incoming("\(job.name).json")))
            // Jobs name others of these, which must have been accepted by then.
            if job.name == "drop" {
                for training in ["plain", "points", "drop"] { _ = try await service.accepted(training) }
            }
        }
    }

    /// Each job is there once, has ended once, and was never at work twice at a time.
    ///
    /// - Returns: the number of attempts.
    private func expectWhole(_ service: LiveService) throws -> Int {
        #expect(try service.names("incoming").isEmpty && service.names("rejected").isEmpty)
        #expect(try service.names("jobs").count == Self.names.count)
        var count = 0
        for name in Self.names {
            let job = try service.folder(name)
            // Each attempt's events come before those of the next: no two workers were at work at a time.
            let attempts = try job.events().filter { $0["event"]?.string != "state" }.compactMap {
                $0["attempt"]?.integer
            }
            #expect(attempts == attempts.sorted(), "\(name): \(attempts)")
            let states = try job.events().filter { $0["event"]?.string == "state" }.compactMap { $0["state"]?.string }
            #expect(states.last == "succeeded", "\(name): \(states)")
            let status = try #require(try job.status())
            #expect(status.finishedAt != nil, "\(name)")
            count += status.attempt
        }
        return count
    }

    /// - Returns: the number of files compared.
    private func expectSame(_ service: LiveService, _ undisturbed: LiveService) throws -> Int {
        var count = 0
        for name in Self.names {
            let products = try service.folder(name).products()
            #expect(try products == undisturbed.folder(name).products(), "\(name)")
            count += products.count
        }
        return count
    }

    /// Kills workers, the daemon, or both at random moments, until all is done or the limit is reached.
    private func fire(at service: LiveService, _ kills: inout Kills, atMost limit: Int, seed: UInt64) async throws {
        func isDone() throws -> Bool {
            try Self.names.allSatisfy { try service.job($0)?.status()?.state.isFinal == true }
        }
        var random = SeededGenerator(seed: seed)
        let last = kills.total + limit
        while try kills.total < last && !isDone() {
            let target = Int.random(in: 0..<3, using: &random)
            // However slow the machine, there is a worker to kill.
            if target != 0 { try await eventually("a worker runs") { try !service.workers().isEmpty || isDone() } }
            try await Task.sleep(for: .milliseconds(Int.random(in: 30...400, using: &random)))
            let workers = target == 0 ? [] : Array(service.workers().values)
            if target != 0 && workers.isEmpty { continue }
            // At the same moment: neither learns of the other's end.
            if target != 1 { service.daemon?.send(SIGKILL) }
            for pid in workers { kill(pid, SIGKILL) }
            if target == 1 {
                kills.workers += 1
                continue
            }
            if workers.isEmpty { kills.daemon += 1 } else { kills.both += 1 }
            try await service.stop(SIGKILL)
            try await service.start()
        }
    }
}
