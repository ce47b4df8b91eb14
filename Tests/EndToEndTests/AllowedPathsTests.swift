import Datasets
import DurableFiles
import Foundation
import Glibc
import JobSpec
import Problems
import ProgramTestSupport
import Spool
import StrictJSON
import TestSupport
import Testing

/// Jobs read files in the spool and in `allowed_paths`, whatever they call them.
@Suite("a job reads nothing that it may not read") struct AllowedPathsTests {
    private let weights = "unet/diffusion_pytorch_model.safetensors"

    private func picturesJob(_ name: String, _ path: String, _ extra: String = "") -> String {
        TinyJobs.training(name, steps: 2).replacing(
            "\"format\": \"synthetic\", \"name\": \"shapes\", \"count\": 100",
            with: "\"format\": \"image_folder\", \"path\": \"\(path)\""
        ).replacing("\"validation_split\": 16", with: "\"validation_split\": 2").replacing(
            "\"seed\"", with: "\(extra) \"seed\"")
    }

    /// A service with a model and pictures that lie beside its spool.
    private func scene(_ settings: [String: String] = [:]) async throws -> LiveService {
        let service = try await LiveService(settings)
        try await service.submit(TinyJobs.training("tiny", steps: 2))
        #expect(try await service.ended(["tiny"]) == [.succeeded], "\(service.log)")
        try FileManager.default.moveItem(
            atPath: try service.folder("tiny")("model"), toPath: service.directory("private"))
        try ShapesFolder.write(to: service.directory("pictures"), count: 12, resolution: 8, channels: 1)
        return service
    }

    /// Drops a directory with a copy of the model, in which the weights are a link to `target`.
    private func dropLinkedModel(on service: LiveService, _ target: String) throws {
        let files = FileManager.default
        let bundle = service.directory("sly")
        try files.createDirectory(atPath: bundle, withIntermediateDirectories: true)
        try files.copyItem(atPath: service.directory("private"), toPath: "\(bundle)/model")
        try files.removeItem(atPath: "\(bundle)/model/\(weights)")
        #expect(symlink(target, "\(bundle)/model/\(weights)") == 0)
        try Data(TinyJobs.sampling("sly", model: "./model").utf8).write(to: URL(filePath: "\(bundle)/job.json"))
        #expect(rename(bundle, service.incoming("sly")) == 0)
    }

    @Test("through a link within a model")
    func linkInModel() async throws {
        let service = try await scene()
        try dropLinkedModel(on: service, service.directory("private/\(weights)"))
        #expect(try await service.ended(["sly"]) == [.failed])
        let error = try #require(try service.folder("sly").status()?.error)
        #expect(error.code == .denied && error.message.contains(weights), "\(error)")
    }

    @Test("that somebody else has dropped with a job")
    func inputsOfAnother() async throws {
        let service = try await scene()
        let bundle = service.directory("theirs")
        try FileManager.default.createDirectory(atPath: bundle, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: service.directory("private"), toPath: "\(bundle)/model")
        try Data(TinyJobs.sampling("theirs", model: "./model").utf8).write(to: URL(filePath: "\(bundle)/job.json"))
        #expect(rename(bundle, service.incoming("theirs")) == 0)
        #expect(try await service.ended(["theirs"]) == [.succeeded], "\(service.log)")
        let inputs = try service.folder("theirs")("inputs")
        // Their own jobs may, as when job.json is dropped again.
        #expect(
            try await service.diffctl("submit", "--set", "name=again", service.folder("theirs")("job.json")).status == 0
        )
        #expect(try await service.ended(["again"]) == [.succeeded], "\(service.log)")
        let acceptance = try URL(filePath: service.folder("theirs")(JobFiles.acceptance))
        try String(contentsOf: acceptance, encoding: .utf8).replacing("\"\(NSUserName())\"", with: "\"ada\"")
            .write(to: acceptance, atomically: true, encoding: .utf8)

        let file = service.directory("named.json")
        try Data(TinyJobs.sampling("named", model: "\(inputs)/model").utf8).write(to: URL(filePath: file))
        let answer = try await service.diffctl("submit", file)
        #expect(answer.status == 77 && answer.errors.contains("another job's"), "\(answer)")
        try dropLinkedModel(on: service, "\(inputs)/model/\(weights)")
        #expect(try await service.ended(["sly"]) == [.failed])
        let error = try #require(try service.folder("sly").status()?.error)
        #expect(error.code == .denied && error.message.contains(weights), "\(error)")
        // What a job has made is for all.
        let model = try service.folder("tiny")("model")
        try FileManager.default.copyItem(atPath: service.directory("private"), toPath: model)
        try await service.submit(TinyJobs.sampling("fair", model: model))
        #expect(try await service.ended(["fair"]) == [.succeeded], "\(service.log)")
    }

    @Test("unless it lies below allowed_paths")
    func allowed() async throws {
        let outside = try TemporaryDirectory()
        // One that cannot be reached costs only the jobs that need it, and is named.
        let loop = outside("loop")
        #expect(symlink(loop, loop) == 0)
        let service = try await scene(["allowed_paths": "[\"\(loop)\", \"\(outside.path)\"]"])
        for verb in ["status", "reload"] {
            let answer = try await service.diffctl(verb)
            #expect(
                answer.status == 0 && answer.errors.contains("\(loop) in allowed_paths cannot be reached"), "\(answer)")
        }
        try FileManager.default.moveItem(atPath: service.directory("pictures"), toPath: outside("pictures"))
        try await service.submit(picturesJob("allowed", outside("pictures")))
        #expect(try await service.ended(["allowed"]) == [.succeeded], "\(service.log)")
        let denied = service.directory("denied.json")
        try Data(picturesJob("denied", "\(outside.path)/../elsewhere").utf8).write(to: URL(filePath: denied))
        #expect(try await service.diffctl("submit", denied).status == 77)
    }

    @Test("by another name, or after an exchange")
    func exchange() async throws {
        let service = try await scene()
        // Links to the right and to the wrong place: what counts is where they lead.
        #expect(symlink(service.directory("pictures"), "\(service.spool)/out") == 0)
        for path in ["out", "../pictures", "jobs/../../pictures", service.directory("pictures")] {
            let file = service.directory("named.json")
            try Data(picturesJob("named", path).utf8).write(to: URL(filePath: file))
            let answer = try await service.diffctl("submit", file)
            #expect(answer.status == 77 && answer.errors.contains("outside the spool"), "\(path): \(answer)")
        }
        // Accepted with pictures of its own, which become others before it starts.
        let own = "\(service.spool)/own"
        try FileManager.default.copyItem(atPath: service.directory("pictures"), toPath: own)
        try await service.submit(picturesJob("exchanged", "own", "\"hold\": true,"))
        try FileManager.default.removeItem(atPath: own)
        #expect(symlink(service.directory("pictures"), own) == 0)
        #expect(try await service.diffctl("release", "exchanged").status == 0)
        #expect(try await service.ended(["exchanged"]) == [.failed])
        let error = try #require(try service.folder("exchanged").status()?.error)
        #expect(error.code == .denied && error.path == "$.dataset.path", "\(error)")
    }
}
