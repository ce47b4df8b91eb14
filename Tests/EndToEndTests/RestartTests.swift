import DurableFiles
import Foundation
import Glibc
import JobSpec
import Problems
import ProgramTestSupport
import StrictJSON
import TestSupport
import Testing

/// Daemon and workers that end, orderly or not, in the middle of a training.
@Suite("a training survives") struct RestartTests {
    private static let job = TinyJobs.training("shapes", steps: 300, dropout: 0.1)

    /// What the training makes when it is left alone.
    private static let undisturbed = Task {
        let service = try await LiveService()
        try await service.submit(job)
        guard try await service.ended(["shapes"]) == [.succeeded] else { throw Unexpected(service.log) }
        return try service.folder("shapes").products()
    }

    /// A service in which the training is at work.
    private func scene() async throws -> (service: LiveService, shapes: JobFolder) {
        let service = try await LiveService(["retry_backoff": "0"])
        try await service.submit(Self.job)
        let folder = try await service.accepted("shapes")
        try await eventually("it trains") { try folder.count("checkpoint") >= 2 }
        return (service, folder)
    }

    /// The job has succeeded with the same bits as the one that was left alone.
    private func expectSame(_ service: LiveService, _ shapes: JobFolder, attempt: Int) async throws {
        #expect(try await service.ended(["shapes"]) == [.succeeded])
        #expect(try shapes.status()?.attempt == attempt)
        #expect(try shapes.count("started") == attempt)
        #expect(try await Self.undisturbed.value == shapes.products())
    }

    @Test("a stop of the daemon: its state is saved, and the next start goes on from there")
    func stop() async throws {
        let (service, shapes) = try await scene()
        #expect(try await service.stop(SIGTERM) == .status(0))
        #expect(service.workers().isEmpty)
        #expect(try shapes.status()?.state == .queued)
        let saved = try #require(shapes.events().last { $0["event"]?.string == "checkpoint" }?["step"]?.integer)
        try await service.start()
        try await expectSame(service, shapes, attempt: 2)
        let resumed = try shapes.events().last { $0["event"]?.string == "started" }?["step"]?.integer
        #expect(resumed == saved)
        // The stop counts for nothing.
        #expect(try shapes.status()?.error == nil)
    }

    @Test("the death of the daemon: the worker goes on and is adopted")
    func killedDaemon() async throws {
        let (service, shapes) = try await scene()
        let pid = try #require(service.workers().values.first)
        #expect(try await service.stop(SIGKILL) == .signal(SIGKILL))
        #expect(kill(pid, 0) == 0)
        try await service.start()
        #expect(Array(service.workers().values) == [pid])
        try await expectSame(service, shapes, attempt: 1)
    }

    @Test("the death of the daemon until after its own end")
    func killedDaemonForLong() async throws {
        let (service, shapes) = try await scene()
        try await service.stop(SIGKILL)
        try await eventually("the worker ends") { service.workers().isEmpty }
        #expect(try shapes.status()?.state == .running)
        try await service.start()
        try await expectSame(service, shapes, attempt: 1)
    }

    @Test("the death of its worker")
    func killedWorker() async throws {
        let (service, shapes) = try await scene()
        kill(try #require(service.workers().values.first), SIGKILL)
        try await expectSame(service, shapes, attempt: 2)
    }

    @Test("the death of both")
    func killedBoth() async throws {
        let (service, shapes) = try await scene()
        let pid = try #require(service.workers().values.first)
        service.daemon?.send(SIGKILL)
        kill(pid, SIGKILL)
        try await service.stop(SIGKILL)
        try await service.start()
        try await expectSame(service, shapes, attempt: 2)
    }

    @Test("only so many deaths of its worker: then it is held, and the next job runs")
    func held() async throws {
        let service = try await LiveService(["retry_backoff": "0", "crash_limit": "2"])
        try await service.submit(TinyJobs.training("fragile", steps: 1_000_000))
        let fragile = try await service.accepted("fragile")
        for attempt in 1...2 {
            try await eventually("attempt \(attempt) trains") { try fragile.count("started") == attempt }
            kill(try #require(service.workers().values.first), SIGKILL)
        }
        try await eventually("it is held") { try fragile.status()?.state == .held }
        #expect(try fragile.status()?.detail == "crashed 2 times")
        #expect(try fragile.status()?.error?.code == .crashed)
        try await service.submit(TinyJobs.points("next", steps: 2))
        #expect(try await service.ended(["next"]) == [.succeeded])
        #expect(try await service.diffctl("cancel", "fragile").status == 0)
    }
}
