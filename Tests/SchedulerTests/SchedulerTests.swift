import ControlAPI
import Foundation
import JobQueue
import JobSpec
import Logging
import Problems
import Scheduler
import Synchronization
import TestSupport
import Testing

@Suite struct SchedulerTests {
    @Test func aDropBecomesAJobThatSucceeds() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool)
        try spool.drop("ok", #""priority": 3, "seed": 7"#)
        let job = try await daemon.wait(for: "ok", .succeeded)
        #expect(job.id == 1)
        #expect(job.priority == 3)
        #expect(job.attempt == 1)
        #expect(job.directory == spool.root + "/jobs/000001-ok")
        #expect(try spool.names(in: "incoming").isEmpty)
        let status = try JSONSerialization.jsonObject(
            with: Data(contentsOf: URL(filePath: job.directory + "/status.json")))
        #expect((status as? [String: Any])?["state"] as? String == "succeeded")
        let events = try String(contentsOfFile: job.directory + "/events.jsonl", encoding: .utf8)
        #expect(events.split(separator: "\n").count { $0.contains(#""event":"state""#) } >= 2)
        // Nothing of the daemon's environment but what a worker needs: PATH, SWIFT_BACKTRACE, and what the shell adds (PWD, SHLVL, _).
        let log = try String(contentsOfFile: job.directory + "/log.txt", encoding: .utf8)
        #expect(log == "attempt 1 of ok, 5 variables\n")
        try await daemon.stop()
    }

    @Test func aBadDropIsRejectedWithAReceipt() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool)
        try spool.drop("bad", #""sampler": {"steps": -1}, "colour": 1"#)
        try spool.drop("orphan", #""after": ["nobody"]"#)
        try spool.drop("ok")
        try await daemon.wait(for: "ok", .succeeded)
        // Refusals are counted after their receipts are written.
        try await eventually("both are refused") { await daemon.scheduler.metrics().jobsRejected == 2 }
        #expect(try spool.names(in: "rejected") == ["bad.error.json", "bad.json", "orphan.error.json", "orphan.json"])
        let receipt = try String(contentsOfFile: spool.root + "/rejected/bad.error.json", encoding: .utf8)
        #expect(receipt.contains("$.colour") && receipt.contains("$.sampler.steps"))
        try await daemon.stop()
    }

    @Test func aSubmissionIsAcceptedAsADropIs() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool)
        try spool.drop("ok")
        try await daemon.wait(for: "ok", .succeeded)
        let bytes = Array(#"{"kind": "sample", "model": "shirts", "after": ["ok"]}"#.utf8)
        let job = try await daemon.scheduler.submit(
            Submission(bytes: bytes, suggestedName: "ok-second"), by: TestDaemon.user)
        #expect(job.name == "ok-second")
        #expect(job.owner == "eve")
        #expect(try Data(contentsOf: URL(filePath: job.directory + "/request.json")) == Data(bytes))
        try await daemon.wait(for: "ok-second", .succeeded)
        await #expect(throws: Problems.self) {
            try await daemon.scheduler.submit(
                Submission(bytes: Array("{}".utf8), suggestedName: "bad"), by: TestDaemon.user)
        }
        try await daemon.stop()
    }

    @Test func aFailureIsTold() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool)
        try spool.drop("fail")
        let job = try await daemon.wait(for: "fail", .failed)
        #expect(job.error == Problem(.invalid, "no images"))
        #expect(job.attempt == 1)
        try await daemon.stop()
    }

    @Test func aTrainingPublishesItsModel() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool)
        try spool.dropTraining("ok-model")
        try await daemon.wait(for: "ok-model", .succeeded)
        let models = try await daemon.scheduler.models()
        #expect(models.map(\.name) == ["ok-model", "shirts"])
        #expect(models.first?.architecture == "DDPMPipeline")
        #expect(models.first?.job == 1)
        try await daemon.stop()
    }

    /// Where a link cannot be, the training has succeeded all the same, and the link comes when it can: in this daemon or in the next.
    @Test(arguments: [false, true]) func aLinkThatCannotBeIsMadeLater(restarted: Bool) async throws {
        let spool = try TestSpool()
        let obstacle = spool.root + "/models/ok-model"
        try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: true)
        func awaitLink(_ daemon: TestDaemon) async throws {
            try await daemon.wait(for: "ok-model", "linked") { _ in spool.exists("models/ok-model/model_index.json") }
        }
        do {
            let daemon = try TestDaemon(spool)
            try spool.dropTraining("ok-model")
            try await daemon.wait(for: "ok-model", .succeeded)
            if !restarted {
                try FileManager.default.removeItem(atPath: obstacle)
                try await awaitLink(daemon)
            }
            try await daemon.stop()
        }
        guard restarted else { return }
        try FileManager.default.removeItem(atPath: obstacle)
        try await withExtendedRestart(of: spool, awaitLink)
    }

    @Test func aJobWhoseDirectoryIsGoneIsHeldWhenItsTurnComes() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool)
        try spool.drop("ok", #""hold": true"#)
        let job = try await daemon.wait(for: "ok", .held)
        try FileManager.default.removeItem(atPath: job.directory)
        await #expect(throws: Problem.self) { try await daemon.scheduler.change(1, .release, by: TestDaemon.user) }
        try spool.drop("wait")
        try await daemon.waitUntilReady("wait")
        try spool.drop("ok-next")
        let next = try await daemon.wait(for: "ok-next", .queued)
        try FileManager.default.removeItem(atPath: next.directory)
        try spool.go("wait")
        let held = try await daemon.wait(for: "ok-next", .held)
        #expect(held.error?.code == .missing)
        try await daemon.stop()
    }

    @Test func threeCrashesHoldAndTheQueueGoesOn() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool)
        try spool.drop("crash", #""priority": 1"#)
        for attempt in 1..<3 {
            let job = try await daemon.wait(for: "crash", "queued again") {
                $0.state == .queued && $0.attempt == attempt
            }
            #expect(job.error?.code == .crashed)
            spool.clock.advance(100)
        }
        let job = try await daemon.wait(for: "crash", .held)
        #expect(job.detail == "crashed 3 times")
        #expect(job.error?.message.contains("signal 11") == true)
        try spool.drop("ok")
        try await daemon.wait(for: "ok", .succeeded)
        try await daemon.stop()
    }

    @Test func aFinishedJobKeepsItsProgress() async throws {
        let spool = try TestSpool()
        let progress: JobProgress?
        do {
            let daemon = try TestDaemon(spool)
            try spool.drop("ok")
            progress = try await daemon.wait(for: "ok", .succeeded).progress
            try await daemon.stop()
        }
        #expect(progress?.step == 1 && progress?.totalSteps == 4)
        try await withExtendedRestart(of: spool) { daemon in
            let job = try await daemon.wait(for: "ok", .succeeded)
            #expect(job.progress == progress)
        }
    }

    @Test func aMeasuredRateTellsWhenJobsStartAndEnd() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool)
        for name in ["wait-a", "wait-b"] {
            try spool.drop(name, #""count": 80, "sampler": {"name": "ddim", "steps": 10}"#)
        }
        try await daemon.waitUntilReady("wait-a")
        try await daemon.wait(for: "wait-b", .queued)
        #expect(try await daemon.scheduler.job(.name("wait-b")).expectedStart == nil)
        // 80 samples in batches of 8 are 100 steps, which this sampler makes 200.
        try #"{"step": 50, "total_steps": 200, "fraction": 0.25, "steps_per_second": 2, "eta_seconds": 75}"#
            .write(toFile: spool.root + "/jobs/000001-wait-a/.progress.json", atomically: true, encoding: .utf8)
        let waiting = try await daemon.wait(for: "wait-b", "with times") { $0.expectedEnd != nil }
        #expect(waiting.expectedStart == spool.clock.now + 75)
        #expect(waiting.expectedEnd == spool.clock.now + 175)
        #expect(try await daemon.scheduler.job(.name("wait-a")).expectedEnd == spool.clock.now + 75)
        #expect(try await daemon.scheduler.why(2).expectedStart == spool.clock.now + 75)
        for name in ["wait-a", "wait-b"] {
            try spool.go(name)
            try await daemon.wait(for: name, .succeeded)
        }
        try await daemon.stop()
    }

    @Test func cancelEndsARunningJobAndOnlyThat() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool)
        try spool.drop("wait-a")
        try await daemon.waitUntilReady("wait-a")
        try spool.drop("wait-b")
        try await daemon.wait(for: "wait-b", .queued)
        _ = try await daemon.scheduler.change(1, .cancel, by: TestDaemon.user)
        try await daemon.wait(for: "wait-a", .cancelled)
        try await daemon.waitUntilReady("wait-b")
        // Repeated, it is in force already; the next job goes on.
        _ = try await daemon.scheduler.change(1, .cancel, by: TestDaemon.user)
        try spool.go("wait-b")
        try await daemon.wait(for: "wait-b", .succeeded)
        await #expect(throws: Problem.self) { try await daemon.scheduler.change(1, .hold, by: TestDaemon.user) }
        try await daemon.stop()
    }

    @Test func aWorkerThatIgnoresTheSignalIsKilled() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool)
        try spool.drop("stubborn")
        try await daemon.waitUntilReady("stubborn")
        let status = try await daemon.scheduler.change(1, .cancel, by: TestDaemon.user)
        #expect(status.state == .cancelling)
        spool.clock.advance(31)
        try await daemon.wait(for: "stubborn", .cancelled)
        try await daemon.stop()
    }

    @Test func aFullDiskStopsAdmissionUntilThereIsSpace() async throws {
        let spool = try TestSpool()
        spool.freeSpace.withLock { $0 = 1000 }
        let daemon = try TestDaemon(spool)
        try spool.drop("ok")
        try await eventually("the disk is full") { await daemon.scheduler.health().status == .diskFull }
        let problems = await #expect(throws: Problems.self) {
            let bytes = Array(#"{"kind": "sample", "model": "shirts"}"#.utf8)
            return try await daemon.scheduler.submit(
                Submission(bytes: bytes, suggestedName: "ok-b"), by: TestDaemon.user)
        }
        #expect(problems?.all.first?.code == .diskFull)
        #expect(try spool.names(in: "incoming") == ["ok.json"])
        spool.freeSpace.withLock { $0 = 1 << 40 }
        try await daemon.wait(for: "ok", .succeeded)
        try await daemon.stop()
    }

    @Test func listenersHearOfEveryChange() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool)
        let events = await daemon.scheduler.events(after: nil)
        try spool.drop("ok")
        var states: [JobState] = []
        var sequence: Int?
        for try await event in events.stream {
            if let sequence { #expect(event.sequence == sequence + 1) }
            sequence = event.sequence
            if event.kind == .state, let job = event.job { states.append(job.state) }
            if event.job?.state.isFinal == true { break }
        }
        #expect(states == [.running, .succeeded])
        try await daemon.stop()
    }

    @Test func aSecondDaemonIsRefused() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool)
        let problem = #expect(throws: Problem.self) { try TestDaemon(spool) }
        #expect(problem?.code == .unavailable)
        try await daemon.stop()
    }

    @Test func drainedItStartsNothing() async throws {
        let spool = try TestSpool()
        do {
            let daemon = try TestDaemon(spool)
            try await daemon.scheduler.recover()
            try await daemon.scheduler.control(.drain, by: TestDaemon.user)
            try spool.drop("ok")
            try await daemon.wait(for: "ok", "waiting, drained") { $0.reason == .draining }
            await daemon.die()
        }
        // A restart does not end the drain.
        try await withExtendedRestart(of: spool) { daemon in
            try await daemon.wait(for: "ok", "waiting, drained") { $0.reason == .draining }
            try await daemon.scheduler.control(.resume, by: TestDaemon.user)
            try await daemon.wait(for: "ok", .succeeded)
        }
    }

    /// A sleep that is cancelled holds its memory until it would have ended: one for each turn of a busy daemon adds up.
    @Test func manyTurnsNeedFewSleeps() async throws {
        let spool = try TestSpool()
        let (turns, turned) = AsyncStream.makeStream(of: Void.self)
        let (sleeps, slept) = AsyncStream.makeStream(of: Void.self)
        var machine = spool.machine
        machine.uptime = { .zero }
        machine.sleep = { _ in
            slept.yield()
            // Only a cancellation ends it.
            try? await Task.sleep(for: .seconds(3600))
        }
        let scheduler = try Scheduler(
            settings: SchedulerSettings(spool: spool.root, worker: spool.root + "/worker"), machine: machine,
            hooks: SchedulerHooks(turned: { _ in turned.yield() }),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let loop = Task { try await scheduler.run() }
        var turn = turns.makeAsyncIterator()
        await turn.next()
        for _ in 0..<20 {
            try await scheduler.control(.drain, by: TestDaemon.user)
            await turn.next()
        }
        loop.cancel()
        // How the run ended does not matter.
        _ = await loop.result
        slept.finish()
        // One until the next look at the spool, then an earlier one: readers are told of reasons after a second.
        let count = await sleeps.reduce(0) { count, _ in count + 1 }
        #expect(count <= 2)
    }
}
