import ControlAPI
import Foundation
import JobSpec
import Problems
import Scheduler
import Spool
import TestSupport
import Testing

/// Jobs that name other jobs and their models, looked at when they are handed in.
@Suite struct ReferenceTests {
    private func refusal(_ text: String, _ daemon: TestDaemon) async -> [Problem] {
        do {
            let submission = Submission(bytes: Array(text.utf8), suggestedName: "try")
            let job = try await daemon.scheduler.submit(submission, by: TestDaemon.user)
            Issue.record("accepted as \(job.id)")
            return []
        } catch { return error.all }
    }

    @Test func aChainThatIsDroppedAtOnceRunsInItsOrder() async throws {
        let spool = try TestSpool()
        try spool.drop("ok-1", #""after": ["ok-2"]"#)
        try spool.drop("ok-2", #""after": ["ok-3"]"#)
        try spool.drop("ok-3")
        let daemon = try TestDaemon(spool)
        let jobs = [
            try await daemon.wait(for: "ok-1", .succeeded), try await daemon.wait(for: "ok-2", .succeeded),
            try await daemon.wait(for: "ok-3", .succeeded),
        ]
        #expect(jobs.map(\.id) == [3, 2, 1])
        try await daemon.stop()
    }

    @Test func aCircleIsRefusedAndSeenEverywhere() async throws {
        let spool = try TestSpool()
        try spool.drop("a", #""after": ["b"]"#)
        try spool.drop("b", #""after": ["a"]"#)
        do { try await seeCircle(TestDaemon(spool)) }
        // The next daemon knows it from the receipts, as long as they are there.
        try FileManager.default.removeItem(atPath: spool.root + "/rejected/a.error.json")
        try await withExtendedRestart(of: spool) { next in
            let recalled = try await eventually("the receipt is read") {
                let rejections = await next.scheduler.rejections(named: nil, limit: .max)
                return rejections.isEmpty ? nil : rejections
            }
            #expect(recalled.map(\.job) == ["b"])
        }
    }

    private func seeCircle(_ daemon: TestDaemon) async throws {
        let stream = await daemon.scheduler.events(after: nil)
        let rejections = try await eventually("both are refused") {
            let rejections = await daemon.scheduler.rejections(named: nil, limit: .max)
            return rejections.count == 2 ? rejections : nil
        }
        #expect(rejections.map(\.name).sorted() == ["a.json", "b.json"])
        #expect(rejections.first?.problems.first?.message == "a waits for b, which waits for a")
        var told: [String] = []
        for try await event in stream.stream where event.kind == .rejected {
            told.append(event.rejection?.name ?? "")
            if told.count == 2 { break }
        }
        #expect(told.sorted() == ["a.json", "b.json"])
        // Whoever asks for the job is told why there is none.
        await #expect {
            try await daemon.scheduler.job(.name("a"))
        } throws: { error in
            let text = "\(error)"
            return text.contains("a.json was refused") && text.contains("waits for b") && text.contains("a.error.json")
        }
        try await daemon.stop()
    }

    @Test func aNameIsWaitedForAMoment() async throws {
        let spool = try TestSpool()
        var times = IntakeTimes.atOnce
        times.namePatience = .seconds(10)
        try spool.drop("ok-1", #""after": ["ok-2"]"#)
        let daemon = try TestDaemon(spool, intake: times)
        try await Task.sleep(for: .milliseconds(200))
        spool.clock.advance(9)
        #expect(await daemon.scheduler.rejections(named: nil, limit: 1).isEmpty && spool.exists("incoming/ok-1.json"))
        try spool.drop("ok-2")
        spool.clock.advance(0.5)
        let job = try await daemon.wait(for: "ok-1", .succeeded)
        #expect(job.id == 2, "no id is taken by a job that waits to come in")
        try spool.drop("late", #""after": ["nobody"]"#)
        try await eventually("late is refused") { () -> Bool? in
            spool.clock.advance(1)
            return spool.exists("rejected/late.error.json") ? true : nil
        }
        try await daemon.stop()
    }

    @Test func aJobWaitsForTheModelThatItNames() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool)
        try await daemon.scheduler.recover()
        try await daemon.scheduler.control(.drain, by: TestDaemon.user)
        try spool.dropTraining("ok-model")
        try await daemon.wait(for: "ok-model", .queued)
        for (name, model) in [("ok-a", "job:ok-model"), ("ok-b", "job:1"), ("ok-c", "ok-model")] {
            let text = #"{"kind": "sample", "name": "\#(name)", "model": "\#(model)"}"#
            let job = try await daemon.scheduler.submit(
                Submission(bytes: Array(text.utf8), suggestedName: name), by: TestDaemon.user)
            #expect(job.reason == .dependency && job.detail == "waits for job 1", "\(name)")
        }
        try await daemon.scheduler.control(.resume, by: TestDaemon.user)
        try await daemon.wait(for: "ok-c", .succeeded)
        // From now on it is there.
        let text = #"{"kind": "sample", "name": "ok-d", "model": "job:ok-model"}"#
        let job = try await daemon.scheduler.submit(
            Submission(bytes: Array(text.utf8), suggestedName: "ok-d"), by: TestDaemon.user)
        #expect(job.reason != .dependency)
        try await daemon.stop()
    }

    @Test func whatCannotBeUsedIsToldAtOnce() async throws {
        let spool = try TestSpool()
        let daemon = try TestDaemon(spool)
        try await daemon.scheduler.recover()
        try await daemon.scheduler.control(.drain, by: TestDaemon.user)
        try spool.dropTraining("points")
        try spool.drop("drawn")
        try await daemon.wait(for: "points", .queued)
        try await daemon.wait(for: "drawn", .queued)
        func sample(_ keys: String) -> String { #"{"kind": "sample", \#(keys)}"# }
        for (text, path, tells) in [
            (sample(#""model": "shirtz""#), "$.model", "no model named shirtz"),
            (sample(#""model": "job:nobody""#), "$.model", "there is no job nobody"),
            (sample(#""model": "job:drawn""#), "$.model", "makes no model"),
            (sample(#""model": "job:points", "class_labels": [1]"#), "$.class_labels", "takes no classes"),
            (sample(#""model": "job:points", "prompt": "a""#), "$.prompt", "reads no text"),
            (sample(#""model": "job:points", "frames": 4"#), "$.frames", "makes no video"),
            (sample(#""model": "job:points", "size": 64"#), "$.size", "neither latents nor video"),
            (sample(#""model": "shirts", "autoencoder": "job:points""#), "$.autoencoder", "without an autoencoder"),
            (
                #"{"kind": "video_extend", "model": "job:points", "video": "models/shirts", "frames": 1}"#, "$.model",
                "no video"
            ),
            (
                #"{"kind": "evaluate", "samples": "job:points", "reference": "job:drawn"}"#, "$.samples",
                "makes no pictures"
            ),
        ] {
            let problems = await refusal(text, daemon)
            #expect(
                problems.contains { $0.path == path && $0.description.contains(tells) }, "\(text): \(problems)")
        }
        try await daemon.stop()
    }
}
