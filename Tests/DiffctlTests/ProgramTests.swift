import ControlAPI
import ControlTestSupport
import DurableFiles
import Foundation
import JobSpec
import Problems
import Spool
import StrictJSON
import TestSupport
import Testing

/// The built program against a server on a socket, as a user or a script sees it.
@Suite struct ProgramTests {
    struct Run: Sendable {
        var status: Int32
        var output: String
        var errors: String
    }

    /// Beside the test program lie the programs that it was built with.
    private static var program: URL {
        get throws {
            let tests = URL(
                fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
            return tests.deletingLastPathComponent().appending(path: "diffctl")
        }
    }

    private func run(_ arguments: [String], input: String = "", environment: [String: String] = [:]) async throws -> Run
    {
        let program = try Self.program
        return try await blocking {
            let process = Process()
            process.executableURL = program
            process.arguments = arguments
            process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
            let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
            (process.standardInput, process.standardOutput, process.standardError) = (stdin, stdout, stderr)
            try process.run()
            try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
            try stdin.fileHandleForWriting.close()
            // Small answers: neither pipe fills while the other is read.
            let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
            let errors = try stderr.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            return Run(
                status: process.terminationStatus, output: String(decoding: output, as: UTF8.self),
                errors: String(decoding: errors, as: UTF8.self))
        }
    }

    private static let goodJob = """
        {"kind": "sample", "name": "pictures", "model": "shirts"}
        """

    @Test func anOutputThatCannotBeWrittenIsToldInWords() async throws {
        let program = try Self.program.path
        let result = try await blocking {
            let process = Process()
            process.executableURL = URL(filePath: program)
            process.arguments = ["version", "--json", "--socket", "/nonexistent/d.sock"]
            let stderr = Pipe()
            process.standardOutput = FileHandle(forWritingAtPath: "/dev/full")
            process.standardError = stderr
            try process.run()
            let errors = try stderr.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
            return (process.terminationStatus, String(decoding: errors, as: UTF8.self))
        }
        #expect(result.0 == 1 && result.1.contains("cannot write the output: No space left on device\n"))
    }

    @Test func withoutADaemonItSaysWhereItLooked() async throws {
        let result = try await run(["status"], environment: ["DIFFD_SOCKET": "/nonexistent/d.sock"])
        #expect(result.status == 69)
        #expect(result.output.isEmpty)
        #expect(result.errors.contains("/nonexistent/d.sock"))
        let flag = try await run(
            ["status", "--socket", "/other/d.sock"], environment: ["DIFFD_SOCKET": "/nonexistent/d.sock"])
        #expect(flag.errors.contains("/other/d.sock"))
    }

    @Test func wrongUsageIsStatus2() async throws {
        let result = try await run(["priority", "shirts"])
        #expect(result.status == 2)
        #expect(result.output.isEmpty)
        #expect(result.errors.contains("Usage: diffctl priority"))
        let help = try await run(["--help"])
        #expect(help.status == 0)
        #expect(help.output.contains("USAGE: diffctl"))
    }

    /// A directory of that name has been refused before; its receipt keeps its name.
    @Test func aBundleThatIsRefusedSaysWhy() async throws {
        let spool = FileManager.default.temporaryDirectory.appending(path: "diffd-bundle-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: spool) }
        for name in ["incoming", "rejected", "home/pair"] {
            try FileManager.default.createDirectory(at: spool.appending(path: name), withIntermediateDirectories: true)
        }
        let receipt =
            #"{"name": "pair", "rejected_at": "2026-01-02T03:04:05Z", "problems": [{"code": "missing", "message": "MESSAGE"}]}"#
        try receipt.replacing("MESSAGE", with: "an old story").write(
            to: spool.appending(path: "rejected/pair.error.json"), atomically: true, encoding: .utf8)
        try Self.goodJob.write(to: spool.appending(path: "home/pair/job.json"), atomically: true, encoding: .utf8)
        try await withControlServer(FakeJobService(spool: spool.path)) { client in
            let daemon = Task {
                try await eventually("the bundle is handed in") {
                    FileManager.default.fileExists(atPath: spool.path + "/incoming/pair")
                }
                let token = try PosixFileSystem().status(spool.path + "/incoming/pair")?.dropToken
                let own = receipt.replacing(
                    "\"name\": \"pair\"", with: "\"name\": \"pair\", \"token\": \"\(token ?? "")\"")
                try own.replacing("MESSAGE", with: "there is no in.png").write(
                    to: spool.appending(path: "rejected/pair-2.error.json"), atomically: true, encoding: .utf8)
            }
            let result = try await run(["submit", spool.path + "/home/pair", "--socket", client.socket])
            try await daemon.value
            #expect(result.status == 65)
            #expect(result.errors.contains("there is no in.png"))
            #expect(!result.errors.contains("old story"))
        }
    }

    @Test func statusIsOneObjectForPrograms() async throws {
        let service = FakeJobService()
        for id in 1...12 { await service.put(.example(id, "old", .succeeded)) }
        await service.put(.example(13, "waves", .running, progress: JobProgress(step: 1, totalSteps: 4)))
        try await withControlServer(service) { client in
            let json = try await run(["status", "--json", "--socket", client.socket])
            #expect(json.status == 0)
            let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
            let jobs = try #require(object["jobs"] as? [[String: Any]])
            // All that runs, and the ten that finished last.
            #expect(jobs.map { $0["id"] as? Int } == Array(3...13))
            #expect(jobs.last?["state"] as? String == "running")
            #expect(jobs.last?["finished_at"] is NSNull)
            #expect((jobs.last?["progress"] as? [String: Any])?["total_steps"] as? Int == 4)

            let table = try await run(["status", "waves", "--socket", client.socket])
            #expect(table.output.contains("waves"))
            #expect(!table.output.contains("\u{1B}"))
            #expect(try await run(["status", "nobody", "--socket", client.socket]).status == 4)

            #expect(table.errors.isEmpty)
            #expect(try await run(["drain", "--socket", client.socket]).status == 0)
            #expect(try await run(["status", "--socket", client.socket]).errors.contains("diffctl resume"))
            #expect(try await run(["status", "--json", "--socket", client.socket]).errors.isEmpty)
        }
    }

    @Test func submitsWhatIsGoodAndNothingWhenAFileIsBad() async throws {
        let service = FakeJobService()
        try await withControlServer(service) { client in
            let good = try await run(["submit", "-", "--socket", client.socket], input: Self.goodJob)
            #expect(good.status == 0, "\(good.errors)")
            #expect(good.output == "1 job\n")

            let bad = try await run(
                ["submit", "-", "/nonexistent/job.json", "--socket", client.socket],
                input: "{\"kind\": \"sample\",\n \"colour\": 1}")
            #expect(bad.status == 65)
            #expect(bad.output.isEmpty)
            #expect(bad.errors.contains("standard input:2:"))
            #expect(bad.errors.contains("$.colour"))
            #expect(bad.errors.contains("/nonexistent/job.json"))
        }
        #expect(await service.jobs.count == 1)
    }

    @Test func membersSetOnTheCommandLineAreHandedIn() async throws {
        let result = try await run(
            ["validate", "-", "--set", "seed=7", "--set", "sampler.steps=x"], input: Self.goodJob)
        #expect(result.status == 65 && result.output.contains("$.sampler.steps"))
        try await withControlServer(FakeJobService()) { client in
            let set = try await run(
                ["submit", "-", "--set", "name=disk", "--socket", client.socket], input: Self.goodJob)
            #expect(set.errors.contains("no space"), "the service refuses whatever says disk: \(set)")
            let drained = try await run(["drain", "--json", "--socket", client.socket])
            #expect(drained.status == 0 && drained.output.contains("\"status\" : \"draining\""))
        }
    }

    @Test func printsALogAsItIsOrAsLinesOfJSON() async throws {
        let service = FakeJobService()
        await service.put(.example(1, "a", .succeeded))
        await service.appendLog("one\n\n\"two\"\nno end", to: 1)
        try await withControlServer(service) { client in
            #expect(try await run(["logs", "a", "--socket", client.socket]).output == "one\n\n\"two\"\nno end")
            let lines = try await run(["logs", "-f", "a", "--json", "--socket", client.socket]).output
                .split(separator: "\n").map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] }
            #expect(lines.map { $0?["line"] as? String } == ["one", "", "\"two\"", "no end"])
            #expect(lines.allSatisfy { $0?["job"] as? Int == 1 })
        }
    }

    @Test func watchesUntilTheJobHasEnded() async throws {
        let service = FakeJobService()
        await service.put(.example(1, "a", .running))
        try await withControlServer(service) { client in
            async let result = run(["watch", "a", "--socket", client.socket])
            try await eventually("somebody listens") { await service.listenerCount > 0 }
            await service.put(.example(2, "b", .succeeded))
            await service.put(.example(1, "a", .succeeded))
            let run = try await result
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.output.hasSuffix("1 a  succeeded  took 1m00s\n") && !run.output.contains("\u{1B}"))
        }
    }

    @Test func validatesWithoutADaemon() async throws {
        let result = try await run(["validate", "-"], input: Self.goodJob)
        #expect(result.status == 0)
        #expect(result.output == "-: good, a sample job named pictures\n")
        #expect(try await run(["validate", "-"], input: "[").status == 65)
    }

    @Test(
        arguments: [
            ([JobState.succeeded], 0), ([.succeeded, .failed, .cancelled], 1), ([.succeeded, .cancelled], 3),
        ] as [([JobState], Int32)])
    func waitsForTheEndAndTellsIt(ends: [JobState], status: Int32) async throws {
        let service = FakeJobService()
        for id in ends.indices { await service.put(.example(id + 1, "job\(id + 1)", .running)) }
        try await withControlServer(service) { client in
            async let result = run(["wait", "--json", "--socket", client.socket] + ends.indices.map { "job\($0 + 1)" })
            try await eventually("somebody listens") { await service.listenerCount > 0 }
            await service.endStreams()  // As a daemon does that restarts; the verb takes the thread up again.
            for (id, end) in ends.enumerated() { await service.put(.example(id + 1, "job\(id + 1)", end)) }
            let run = try await result
            #expect(run.status == status, "\(run.errors)")
            #expect(run.output.contains("\"jobs\""))
        }
    }

    @Test func changesTellEachJobAndFailForThoseThatRefuse() async throws {
        let service = FakeJobService()
        await service.put(.example(1, "a", .queued))
        await service.put(.example(2, "b", .succeeded))
        try await withControlServer(service) { client in
            let result = try await run(["hold", "nobody", "1", "2", "--socket", client.socket])
            #expect(result.status == 4)
            #expect(result.output == "1 a held\n")
            #expect(result.errors.contains("nobody") && result.errors.contains("job 2 has ended"))
            #expect(
                try await run(["priority", "a", "--socket", client.socket, "--", "-5"]).output == "1 a priority -5\n")
            #expect(try await run(["show", "a", "--json", "--socket", client.socket]).output.contains("\"spec\""))
        }
    }

    @Test func problemsOfASubmissionAreJSONForPrograms() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "diffd-\(UUID().uuidString.prefix(8)).json")
        defer { try? FileManager.default.removeItem(at: file) }  // In the temporary directory.
        struct Printed: Decodable, Sendable {
            var jobs: [JobStatus]
            var problems: [Problem]?
        }
        @Sendable func printed(_ text: String) throws -> Printed {
            try JSONText.decode(Printed.self, from: Array(text.utf8))
        }
        try await withControlServer(FakeJobService()) { client in
            try Data(#"{"kind": "train", "steps": 1}"#.utf8).write(to: file)
            let bad = try await run(["submit", file.path, "--json", "--socket", client.socket])
            #expect(bad.status == 65)
            #expect(try printed(bad.output).jobs.isEmpty)
            #expect(try printed(bad.output).problems?.contains { $0.path == "$.steps" && $0.file == file.path } == true)
            // The fake daemon has no space for what says so.
            try Data(Self.goodJob.replacing("pictures", with: "disk").utf8).write(to: file)
            let refused = try await run(["submit", file.path, "--json", "--socket", client.socket])
            #expect(refused.status == 1 && refused.errors.contains("no space is left"))
            #expect(try printed(refused.output).problems?.map(\.code) == [.diskFull])
            try Data(Self.goodJob.utf8).write(to: file)
            let good = try await run(["submit", file.path, "--json", "--socket", client.socket])
            #expect(try printed(good.output).jobs.count == 1 && printed(good.output).problems == nil)
        }
    }

    @Test func handsInABundleThroughTheSpool() async throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "diffd-bundle-\(UUID().uuidString.prefix(8))")
        defer { try? FileManager.default.removeItem(at: root) }  // In the temporary directory.
        let bundle = root.appending(path: "mine/images")
        let incoming = root.appending(path: "spool/incoming")
        for directory in [bundle, incoming, root.appending(path: "spool/rejected")] {
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        }
        try Data(Self.goodJob.utf8).write(to: root.appending(path: "mine/job.json"))
        try Data("pixels".utf8).write(to: bundle.appending(path: "1.png"))

        let service = FakeJobService(spool: root.appending(path: "spool").path)
        await service.put(.example(5, "pictures", .succeeded))
        try await withControlServer(service) { client in
            async let result = run(["submit", root.appending(path: "mine").path, "--socket", client.socket])
            let dropped = incoming.appending(path: "mine").path
            try await eventually("the bundle is handed in") { FileManager.default.fileExists(atPath: dropped) }
            #expect(try String(contentsOfFile: dropped + "/images/1.png", encoding: .utf8) == "pixels")
            #expect(FileManager.default.fileExists(atPath: dropped + "/job.json"))
            let token = try #require(try PosixFileSystem().status(dropped)?.dropToken)
            // Somebody else's job of that name, and then the drop's own.
            for (id, token) in [(6, "another's"), (7, token)] {
                var status = JobStatus.example(id, "pictures", .queued)
                // Where nobody but the daemon may look.
                status.directory = root.appending(path: "spool/jobs/\(id)").path
                await service.put(status, drop: token)
            }
            let run = try await result
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.output == "7 pictures\n")
            #expect(try FileManager.default.contentsOfDirectory(atPath: incoming.path) == ["mine"])
        }
    }
}
