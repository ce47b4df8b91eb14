import ControlAPI
import Foundation
import JobQueue
import JobSpec
import Problems
import Scheduler
import Synchronization
import TestSupport
import Testing

/// Runs `body` with the daemon that follows on one that has died, then stops it.
func withExtendedRestart(of spool: TestSpool, _ body: (TestDaemon) async throws -> Void) async throws {
    // The dead one's lock goes with its last reference, which other tasks may hold for a moment.
    let next: TestDaemon = try await eventually("the next daemon starts") {
        do {
            return try TestDaemon(spool)
        } catch let problem as Problem where problem.code == .unavailable {
            return nil
        }
    }
    // As diffd does before its socket answers.
    try await next.scheduler.recover()
    try await body(next)
    try await next.stop()
}

@Suite struct RecoveryTests {
    /// Starts a daemon, has it run `name`, and lets it die.
    private func dieRunning(_ name: String, in spool: TestSpool) async throws {
        let daemon = try TestDaemon(spool)
        try spool.drop(name)
        try await daemon.waitUntilReady(name)
        await daemon.die()
    }

    @Test func aStopCheckpointsAndTheNextStartGoesOn() async throws {
        let spool = try TestSpool()
        do {
            let daemon = try TestDaemon(spool)
            try spool.drop("wait")
            try await daemon.waitUntilReady("wait")
            try await daemon.stop()
            #expect(try await daemon.scheduler.job(.id(1)).state == .queued)
        }
        try await withExtendedRestart(of: spool) { daemon in
            try await daemon.waitUntilReady("wait", attempt: 2)
            try spool.go("wait")
            try await daemon.wait(for: "wait", .succeeded)
        }
        #expect(!spool.exists("double"))
    }

    @Test func aLivingWorkerIsAdopted() async throws {
        let spool = try TestSpool()
        try await dieRunning("wait", in: spool)
        try await withExtendedRestart(of: spool) { daemon in
            try await daemon.wait(for: "wait", .running)
            try spool.go("wait")
            let job = try await daemon.wait(for: "wait", .succeeded)
            #expect(job.attempt == 1)
        }
        #expect(!spool.exists("double"))
    }

    @Test func anAdoptedWorkerCanBeCancelled() async throws {
        let spool = try TestSpool()
        try await dieRunning("wait", in: spool)
        try await withExtendedRestart(of: spool) { daemon in
            _ = try await daemon.scheduler.change(1, .cancel, by: TestDaemon.user)
            try await daemon.wait(for: "wait", .cancelled)
        }
    }

    @Test func anEndThatNobodySawIsFound() async throws {
        let spool = try TestSpool()
        try await dieRunning("wait", in: spool)
        try spool.go("wait")
        try await eventually("the worker ends") { spool.exists("jobs/000001-wait/.result-1.json") }
        try await withExtendedRestart(of: spool) { daemon in
            let job = try await daemon.wait(for: "wait", .succeeded)
            #expect(job.attempt == 1)
        }
    }

    @Test(arguments: [false, true]) func aVanishedWorkerCrashedUnlessTheMachineDid(rebooted: Bool) async throws {
        let spool = try TestSpool()
        try await dieRunning("stubborn", in: spool)
        let lock = try String(contentsOfFile: spool.root + "/jobs/000001-stubborn/.lock", encoding: .utf8)
        let pid = try #require(lock.firstMatch(of: /"pid":(\d+)/).flatMap { Int32($0.1) })
        kill(-pid, SIGKILL)
        try await eventually("the worker is gone") { kill(pid, 0) != 0 }
        if rebooted { spool.bootID.withLock { $0 = "boot 2" } }
        try await withExtendedRestart(of: spool) { daemon in
            if rebooted {
                try await daemon.waitUntilReady("stubborn", attempt: 2)
            } else {
                let job = try await daemon.wait(for: "stubborn", "queued again") {
                    $0.state == .queued && $0.attempt == 1
                }
                #expect(job.error?.code == .crashed)
                spool.clock.advance(10)
                try await daemon.waitUntilReady("stubborn", attempt: 2)
            }
            try spool.go("stubborn")
            try await daemon.wait(for: "stubborn", .succeeded)
        }
        #expect(!spool.exists("double"))
    }

    @Test func aLostDirectoryHoldsItsJobOnly() async throws {
        let spool = try TestSpool()
        do {
            let daemon = try TestDaemon(spool)
            try await daemon.scheduler.recover()
            try await daemon.scheduler.control(.drain, by: TestDaemon.user)
            try spool.drop("ok-a")
            try spool.drop("ok-b")
            try await daemon.wait(for: "ok-b", .queued)
            try await daemon.wait(for: "ok-a", .queued)
            await daemon.die()
        }
        try FileManager.default.removeItem(atPath: spool.root + "/jobs/000001-ok-a")
        try await withExtendedRestart(of: spool) { daemon in
            let job = try await daemon.wait(for: "ok-a", .held)
            #expect(job.error?.code == .missing)
            try await daemon.scheduler.control(.resume, by: TestDaemon.user)
            try await daemon.wait(for: "ok-b", .succeeded)
            _ = try await daemon.scheduler.change(1, .cancel, by: TestDaemon.user)
        }
    }

    @Test func aLostStoreIsRebuiltFromTheDirectories() async throws {
        let spool = try TestSpool()
        do {
            let daemon = try TestDaemon(spool)
            try spool.drop("ok")
            try await daemon.wait(for: "ok", .succeeded)
            try spool.drop("ok-held", #""hold": true, "priority": 4"#)
            try await daemon.wait(for: "ok-held", .held)
            await daemon.die()
        }
        for suffix in ["", "-wal", "-shm"] {
            // The last two may be gone already.
            try? FileManager.default.removeItem(atPath: spool.root + "/.diffd/queue.sqlite" + suffix)
        }
        try await withExtendedRestart(of: spool) { daemon in
            let first = try await daemon.scheduler.job(.id(1))
            #expect(first.state == .succeeded)
            let held = try await daemon.scheduler.job(.id(2))
            #expect(held.state == .held)
            #expect(held.priority == 4)
            _ = try await daemon.scheduler.change(2, .release, by: TestDaemon.user)
            try await daemon.wait(for: "ok-held", .succeeded)
            // Ids go on behind those that were found.
            try spool.drop("ok-new")
            let new = try await daemon.wait(for: "ok-new", .succeeded)
            #expect(new.id == 3)
        }
    }

    @Test(arguments: ["reserved", "prepared", "published"]) func aHalfAcceptedDropIsAcceptedOnce(step: String)
        async throws
    {
        let spool = try TestSpool()
        do {
            let daemon = try TestDaemon(spool)
            try spool.drop("ok")
            try await daemon.wait(for: "ok", .succeeded)
            await daemon.die()
        }
        // As a crash after that step of the next accept leaves it.
        let store = try QueueStore(path: spool.root + "/.diffd/queue.sqlite")
        let reservation = try store.reserve(drop: "gone")
        let directory = spool.root + "/jobs/000002-ok"
        if step != "reserved" {
            try FileManager.default.copyItem(atPath: spool.root + "/jobs/000001-ok", toPath: directory)
            let acceptance = #"{"id": 2, "submitted_at": "2026-01-01T00:00:00.000Z", "token": "gone"}"#
            try acceptance.write(toFile: directory + "/.accepted.json", atomically: true, encoding: .utf8)
            try FileManager.default.removeItem(atPath: directory + "/.result-1.json")
        }
        if step == "published" {
            try store.publish(
                JobRecord(
                    id: reservation.id, name: "ok", kind: .sample, directory: "000002-ok", submittedAt: spool.clock.now)
            )
        }
        try await withExtendedRestart(of: spool) { daemon in
            try spool.drop("ok-last")
            try await daemon.wait(for: "ok-last", .succeeded)
            let expected = step == "reserved" ? [1, 3] : [1, 2, 3]
            try await daemon.wait(for: "ok", "settled") {
                $0.state == .succeeded && $0.id == expected[expected.count - 2]
            }
            let ids = try await daemon.scheduler.list(JobFilter()).map(\.id)
            #expect(ids == expected)
            #expect(try store.halfAccepted().isEmpty)
        }
    }
}
