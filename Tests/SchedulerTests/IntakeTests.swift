import ControlAPI
import DurableFiles
import Foundation
import Glibc
import JobQueue
import JobSpec
import Problems
import Scheduler
import Spool
import Synchronization
import Testing

/// What dropped directories do to a daemon that has other things to do.
@Suite struct IntakeTests {
    /// Puts a directory with pictures into `incoming/`, as a whole.
    private func drop(_ name: String, in spool: TestSpool, files: Int = 3) throws {
        let directory = "\(spool.root)/.\(name)"
        try FileManager.default.createDirectory(atPath: directory + "/pics", withIntermediateDirectories: true)
        for number in 0..<files {
            try "\(number)".write(toFile: "\(directory)/pics/\(number).png", atomically: false, encoding: .utf8)
        }
        try #"{"kind": "sample", "model": "shirts"}"#
            .write(toFile: directory + "/job.json", atomically: false, encoding: .utf8)
        try FileManager.default.moveItem(atPath: directory, toPath: "\(spool.root)/incoming/\(name)")
    }

    @Test func whatWasTakenInIsTold() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool)
        try drop("wait", in: spool)
        try await daemon.waitUntilReady("wait")
        let job = try await daemon.scheduler.job(.name("wait"))
        #expect(job.inputs?.files == 4 && job.inputs?.folders == [".": 1, "pics": 3] && job.inputs?.laterCount == 0)
        let log = try String(contentsOfFile: job.directory + "/log.txt", encoding: .utf8)
        #expect(log.contains("took in 4 files") && log.contains("pics: 3"))
        // A copy that goes on.
        try "late".write(toFile: job.directory + "/inputs/pics/3.png", atomically: false, encoding: .utf8)
        let late = try await daemon.wait(for: "wait", "told of what came late") { $0.inputs?.laterCount == 1 }
        #expect(late.inputs?.later == ["pics/3.png"])
        let status = try String(contentsOfFile: job.directory + "/status.json", encoding: .utf8)
        #expect(status.contains("pics/3.png") && status.contains("\"later_count\" : 1"))
        let events = try String(contentsOfFile: job.directory + "/events.jsonl", encoding: .utf8)
        #expect(events.contains("late_inputs"))
        #expect(try String(contentsOfFile: job.directory + "/log.txt", encoding: .utf8).contains("pics/3.png"))
        // The rest of the copy, which finds no directory any more and makes a new one.
        try FileManager.default.createDirectory(
            atPath: spool.root + "/.again/pics", withIntermediateDirectories: true)
        try FileManager.default.moveItem(atPath: spool.root + "/.again", toPath: spool.root + "/incoming/wait")
        try await daemon.wait(for: "wait", "told of the second directory") { $0.inputs?.laterCount == 2 }
        try await daemon.wait(for: "wait", "a receipt") { _ in spool.exists("rejected/wait.error.json") }
        let receipt = try String(contentsOfFile: spool.root + "/rejected/wait.error.json", encoding: .utf8)
        #expect(receipt.contains("as job 1"))
        try spool.go("wait")
        try await daemon.wait(for: "wait", .succeeded)
        try await daemon.stop()
    }

    /// Without a daemon that sees it, the next attempt finds what has changed.
    @Test func whatCameWhileNobodyLookedIsFound() async throws {
        let spool = try TestSpool()
        do {
            let daemon = try TestDaemon(spool)
            try await daemon.scheduler.recover()
            try await daemon.scheduler.control(.drain, by: TestDaemon.user)
            try drop("ok", in: spool)
            try await daemon.wait(for: "ok", .queued)
            await daemon.die()
        }
        try "late".write(
            toFile: spool.root + "/jobs/000001-ok/inputs/pics/9.png", atomically: false, encoding: .utf8)
        try await withExtendedRestart(of: spool) { daemon in
            try await daemon.scheduler.control(.resume, by: TestDaemon.user)
            let job = try await daemon.wait(for: "ok", .succeeded)
            #expect(job.inputs?.later == ["pics: 4 files, 3 when it was taken in"])
        }
    }

    /// Bringing a large drop to disk takes long, and everybody is answered meanwhile.
    @Test func aLargeDropKeepsNobodyWaiting() async throws {
        let spool = try TestSpool()
        let files = SlowFileSystem()
        let daemon = try TestDaemon(spool, files: files)
        try drop("ok", in: spool)
        while !files.isWaiting { try await Task.sleep(for: .milliseconds(1)) }
        #expect(await daemon.scheduler.health().status == .ok)
        let bytes = Array(#"{"kind": "sample", "model": "shirts"}"#.utf8)
        _ = try await daemon.scheduler.submit(
            Submission(bytes: bytes, suggestedName: "ok-other"), by: TestDaemon.user)
        try await daemon.wait(for: "ok-other", .succeeded)
        #expect(try await daemon.scheduler.list(JobFilter(name: "ok")).isEmpty)
        files.goOn()
        try await daemon.wait(for: "ok", .succeeded)
        try await daemon.stop()
    }

    /// An owner takes his drop back while it is taken in: it has never been a job, and does not become one without its
    /// files.
    @Test func whatWasTakenBackIsNoJob() async throws {
        let spool = try TestSpool()
        do {
            let daemon = try TestDaemon(spool)
            try drop("ok", in: spool)
            try await daemon.wait(for: "ok", .succeeded)
            await daemon.die()
        }
        // As a crash before the move leaves it, and the owner then.
        let store = try QueueStore(path: spool.root + "/.diffd/queue.sqlite")
        let reservation = try store.reserve(drop: "gone")
        let directory = spool.root + "/jobs/000002-ok"
        try FileManager.default.copyItem(atPath: spool.root + "/jobs/000001-ok", toPath: directory)
        try FileManager.default.removeItem(atPath: directory + "/inputs")
        try await withExtendedRestart(of: spool) { daemon in
            try spool.drop("ok-last")
            try await daemon.wait(for: "ok-last", .succeeded)
            try await daemon.wait(for: "ok-last", "undone") { _ in !spool.exists("jobs/000002-ok") }
            let ids = try await daemon.scheduler.list(JobFilter()).map(\.id)
            #expect(ids == [1, 3] && reservation.id == 2)
            #expect(try store.halfAccepted().isEmpty)
        }
    }

    /// What cannot be refused, because `rejected/` takes nothing, is named, and costs nobody else anything.
    @Test func whatCannotBeAnsweredIsNamed() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool, files: NoReceipts())
        try spool.drop("bad", #""colour": 1"#)
        try spool.drop("ok")
        try await daemon.wait(for: "ok", .succeeded)
        while await daemon.scheduler.health().troubles.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        #expect(await daemon.scheduler.health().troubles.map(\.file) == ["bad.json"])
        #expect(try spool.names(in: "incoming") == ["bad.json"])
        try await daemon.stop()
    }

    @Test func aClockThatIsSetEndsNoJob() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool)
        try spool.drop("wait", #""time_limit": 3600"#)
        try await daemon.waitUntilReady("wait")
        for step in [864_000.0, -2_000_000, 1e9] {
            spool.clock.set(ahead: step)
            _ = try await daemon.scheduler.change(1, .priority(Int(step) % 1000), by: TestDaemon.user)
            #expect(try await daemon.scheduler.job(.id(1)).state == .running)
        }
        spool.clock.advance(3601)
        let job = try await daemon.wait(for: "wait", .failed)
        #expect(job.error?.message.contains("time limit of 3600 s") == true)
        try spool.drop("stubborn")
        try await daemon.waitUntilReady("stubborn")
        _ = try await daemon.scheduler.change(2, .cancel, by: TestDaemon.user)
        spool.clock.set(ahead: -3600)
        spool.clock.advance(31)
        try await daemon.wait(for: "stubborn", .cancelled)
        try await daemon.stop()
    }

    /// The clock is set while no daemon runs, and the machine goes on.
    @Test func aClockThatIsSetBetweenDaemonsEndsNoJob() async throws {
        let spool = try TestSpool()
        do {
            let daemon = try TestDaemon(spool)
            try spool.drop("wait", #""time_limit": 3600"#)
            try await daemon.waitUntilReady("wait")
            await daemon.die()
        }
        spool.clock.set(ahead: 864_000)
        try await withExtendedRestart(of: spool) { daemon in
            #expect(try await daemon.scheduler.job(.id(1)).state == .running)
            try spool.go("wait")
            try await daemon.wait(for: "wait", .succeeded)
        }
    }
}

/// A disk on which nothing becomes durable until it may.
private final class SlowFileSystem: Forwarding {
    let real = PosixFileSystem()
    private let state = Mutex((isWaiting: false, mayGoOn: false))

    var isWaiting: Bool { state.withLock(\.isWaiting) }

    func goOn() { state.withLock { $0.mayGoOn = true } }

    func synchronizeFile(_ path: String) throws {
        guard path.contains("/pics/") else { return try real.synchronizeFile(path) }
        state.withLock { $0.isWaiting = true }
        while !state.withLock(\.mayGoOn) { usleep(1000) }
    }
}

/// One on which no receipt can be written.
private struct NoReceipts: Forwarding {
    let real = PosixFileSystem()

    func createFile(_ path: String, mode: UInt32) throws -> any WritableFile {
        guard !path.contains("/rejected/") else { throw Problem(errno: EACCES, cannot: "create", path) }
        return try real.createFile(path, mode: mode)
    }
}

/// A file system that is the real one but for what it says otherwise.
private protocol Forwarding: FileSystem {
    var real: PosixFileSystem { get }
}

extension Forwarding {
    func createFile(_ path: String, mode: UInt32) throws -> any WritableFile {
        try real.createFile(path, mode: mode)
    }
    func openForAppending(_ path: String, mode: UInt32) throws -> any WritableFile {
        try real.openForAppending(path, mode: mode)
    }
    func createDirectory(_ path: String, mode: UInt32) throws { try real.createDirectory(path, mode: mode) }
    func createSymbolicLink(_ path: String, to target: String) throws {
        try real.createSymbolicLink(path, to: target)
    }
    func link(_ path: String, as newPath: String) throws { try real.link(path, as: newPath) }
    func rename(_ path: String, to newPath: String) throws { try real.rename(path, to: newPath) }
    func rename(unreadable name: [UInt8], in directory: String, to newPath: String) throws {
        try real.rename(unreadable: name, in: directory, to: newPath)
    }
    func exchange(_ path: String, with other: String) throws { try real.exchange(path, with: other) }
    func removeFile(_ path: String) throws { try real.removeFile(path) }
    func removeDirectory(_ path: String) throws { try real.removeDirectory(path) }
    func synchronizeFile(_ path: String) throws { try real.synchronizeFile(path) }
    func synchronizeDirectory(_ path: String) throws { try real.synchronizeDirectory(path) }
}
