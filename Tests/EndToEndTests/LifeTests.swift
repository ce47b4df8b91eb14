import ControlAPI
import DurableFiles
import Foundation
import Glibc
import JobSpec
import Media
import Problems
import ProgramTestSupport
import StrictJSON
import TestSupport
import Testing

/// A job from its drop to its results, as its owner sees it.
@Suite("a job's life") struct LifeTests {
    @Test("is a training, a model by its name, and pictures from it")
    func trainAndSample() async throws {
        let service = try await LiveService()
        try await service.submit(TinyJobs.training("shapes", steps: 20))
        try await service.submit(
            TinyJobs.sampling("drawn", model: "shapes", sampler: "ddim", extra: "\"after\": [\"shapes\"],"))
        let waited = try await service.diffctl("wait", "--json", "drawn", "shapes")
        #expect(waited.status == 0, "\(waited)")
        #expect(try waited.json["jobs"]?.elements?.map { $0["state"]?.string } == ["succeeded", "succeeded"])

        let status = try await service.diffctl("status", "--json", "shapes").json
        let job = try #require(status["jobs"]?.elements?.first)
        #expect(job["id"]?.integer == 1 && job["kind"]?.string == "train" && job["attempt"]?.integer == 1)
        #expect(job["error"] == nil || job["error"]?.isNull == true)
        for time in ["submitted_at", "started_at", "finished_at"] { #expect(job[time]?.string?.hasSuffix("Z") == true) }

        let shapes = try service.folder("shapes")
        #expect(job["directory"]?.string == shapes.path)
        let own = try #require(try shapes.status())
        #expect(own.state == .succeeded && own.progress?.step == 20 && own.progress?.fraction == 1)
        let names = try shapes.events().compactMap { $0["event"]?.string }
        #expect(names.filter { $0 == "state" }.count >= 2 && names.contains("loss") && names.contains("checkpoint"))
        #expect(try shapes.log.contains("step 20 of 20"))
        #expect(try JobSpec.decode(shapes.bytes("job.json"), fileName: "job.json").name == "shapes")

        let models = try await service.diffctl("models", "--json").json
        #expect(models["models"]?.elements?.map { $0["name"]?.string } == ["shapes"])
        #expect(try PosixFileSystem().resolved("\(service.spool)/models/shapes") == shapes("model"))

        let drawn = try service.folder("drawn")
        for sample in 0..<8 { #expect(try ImageFile.read(drawn("outputs/0000\(sample).png")).width == 8) }
        #expect(try drawn.exists("outputs/grid.png") && drawn.exists("outputs/manifest.json"))

        // What people see.
        for arguments in [["status"], ["list"], ["show", "shapes"], ["logs", "shapes"], ["why", "1"], ["version"]] {
            let answer = try await service.diffctl(arguments)
            #expect(
                answer.status == 0 && !answer.output.isEmpty && !answer.output.contains("\u{1B}"),
                "\(arguments): \(answer)")
        }
    }

    @Test("ends as it ended for `wait`: failed 1, cancelled 3")
    func endings() async throws {
        let service = try await LiveService()
        // A model that goes after its job has come in.
        let files = PosixFileSystem()
        try files.createDirectory("\(service.spool)/models/nobody", mode: 0o755)
        let missing = try await service.submit(
            TinyJobs.sampling("lost", model: "nobody", extra: "\"hold\": true,"))
        try files.removeDurably("\(service.spool)/models/nobody")
        #expect(try await service.diffctl("release", "lost").status == 0)
        let failed = try await service.diffctl("wait", "\(missing)")
        #expect(failed.status == 1, "\(failed)")
        let error = try #require(service.job("lost")?.status()?.error)
        #expect(
            error.code == .missing && error.message.contains("nobody") && error.path == "$.model" && error.remedy != nil
        )

        try await service.submit(TinyJobs.training("long", steps: 1_000_000))
        let long = try await service.accepted("long")
        try await eventually("it trains") { try long.count("loss") > 3 }
        let pid = try #require(service.workers().values.first)
        try await service.submit(TinyJobs.training("waiting"))
        #expect(try await service.diffctl("why", "--json", "waiting").json["reason"]?.string == "Resources")
        #expect(try await service.diffctl("cancel", "waiting").status == 0)
        #expect(try await service.diffctl("cancel", "long").status == 0)
        #expect(try await service.diffctl("wait", "long").status == 3)
        #expect(kill(pid, 0) != 0)
        #expect(try service.job("waiting")?.status()?.state == .cancelled)
        #expect(try service.job("waiting")?.status()?.attempt == 0)
        #expect(try long.status()?.attempt == 1)
        #expect(try await service.diffctl("wait", "long", "lost").status == 1)
    }

    @Test("begins by priority, then by id, and not before it is released")
    func order() async throws {
        let service = try await LiveService()
        func job(_ name: String, _ extra: String) -> String {
            TinyJobs.points(name, steps: 2).replacing("\"seed\"", with: "\(extra), \"seed\"")
        }
        // While nothing is started, the order in which jobs came does not matter.
        #expect(try await service.diffctl("drain").status == 0)
        for (name, extra) in [
            ("low", "\"priority\": -1"), ("first", "\"priority\": 0"), ("second", "\"priority\": 0"),
            ("high", "\"priority\": 5"), ("held", "\"hold\": true, \"priority\": 9"),
        ] { try await service.submit(job(name, extra)) }
        #expect(try await service.diffctl("why", "--json", "high").json["reason"]?.string == "Draining")
        #expect(try await service.diffctl("resume").status == 0)
        _ = try await service.ended(["low", "first", "second", "high"])
        #expect(try service.job("held")?.status()?.state == .held)
        #expect(try await service.diffctl("release", "held").status == 0)
        _ = try await service.ended(["held"])
        let starts = try ["high", "first", "second", "low", "held"].map {
            try #require(service.job($0)?.status()?.startedAt)
        }
        #expect(starts == starts.sorted())
    }

    @Test("is foretold by validate, which opens the model")
    func examination() async throws {
        let service = try await LiveService()
        let model = Fixture.path("text_pipelines/sd")
        try FileManager.default.copyItem(atPath: model, toPath: "\(service.spool)/models/words")
        let path = service.directory("barn.json")
        func write(_ keys: String) throws {
            let text = #"{"kind": "sample", "model": "words", \#(keys) "sampler": {"name": "ddim", "steps": 3}}"#
            try Data(text.utf8).write(to: URL(filePath: path))
        }
        try write(#""prompt": "a red barn in snow", "count": 4, "batch_size": 2,"#)
        let good = try await service.diffctl("validate", "--json", path)
        let file = try #require(try good.json["files"]?.elements?.first, "\(good)")
        #expect(good.status == 0 && file["problems"]?.elements?.isEmpty == true, "\(good)")
        #expect(file["model"]?["family"]?.string == "Stable Diffusion" && file["steps"]?.integer == 6)
        #expect(file["model"]?["conditions"]?.elements?.map(\.string) == ["text"])
        #expect((file["memory"]?.integer ?? 0) > 1 << 20 && (file["seconds_per_step"]?.number ?? 0) > 0)
        let text = try await service.diffctl("validate", path)
        #expect(text.output.contains("conditioned on text") && text.output.contains("a step"), "\(text)")

        // What only the model can tell.
        try write(#""prompt": "a barn", "class_labels": [1],"#)
        let bad = try await service.diffctl("validate", "--json", path)
        let problem = try bad.json["files"]?.elements?.first?["problems"]?.elements?.first
        #expect(bad.status == 65 && problem?["path"]?.string == "$.class_labels", "\(bad)")

        // Lists of jobs say what is drawn.
        try write(#""prompt": "a red barn in snow", "hold": true,"#)
        #expect(try await service.diffctl("submit", path).status == 0)
        let listed = try await service.diffctl("status")
        #expect(listed.output.contains("\"a red barn in snow\""), "\(listed)")
    }

    @Test("is refused by name: exit statuses of diffctl")
    func statuses() async throws {
        let service = try await LiveService()
        try Data("{\"kind\": \"train\"".utf8).write(to: URL(filePath: service.directory("bad.json")))
        #expect(try await service.diffctl("status", "77").status == 4)
        #expect(try await service.diffctl("submit", service.directory("bad.json")).status == 65)
        #expect(try await service.diffctl("validate", service.directory("bad.json")).status == 65)
        #expect(try await service.diffctl("frobnicate").status == 2)
        #expect(try await service.diffctl("status", "--socket", service.directory("nowhere")).status == 69)
        // One daemon to a spool.
        let second = try ChildProcess(
            Program.daemon.path, ["--spool", service.spool, "--socket", service.directory("other")],
            environment: ["PATH": "/usr/bin:/bin"], output: service.directory("second.log"))
        #expect(try await second.wait() == .status(69))
    }
}
