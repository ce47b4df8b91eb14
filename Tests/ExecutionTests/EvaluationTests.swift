import DurableFiles
import Glibc
import JobSpec
import Media
import Problems
import ProgramTestSupport
import Safetensors
import StrictJSON
import TestSupport
import Testing

@Suite("an evaluate job") struct EvaluationTests {
    private static func bits(_ name: String = "bits", _ extra: String = "") -> String {
        """
        {"kind": "evaluate", "name": "\(name)", "model": "job:1", \(extra)
         "dataset": {"format": "synthetic", "name": "shapes", "count": 100, "validation_split": 16}, "seed": 1}
        """
    }

    /// `data/` and `jobs/` of the spool, as seen from a job's directory.
    private static func distance(_ name: String, _ samples: String, _ reference: String, _ extra: String = "") -> String
    {
        """
        {"kind": "evaluate", "name": "\(name)", "samples": "\(samples)", \(extra) "reference": "\(reference)"}
        """
    }

    /// Weights of which the first has another shape, and the rest is missing.
    private static func misshaped(to path: String) throws {
        let name = "Conv2d_1a_3x3.conv.weight"
        var writer = try SafetensorsWriter(path, [.init(name, [2, 3])], in: PosixFileSystem())
        try writer.write(name, [Float](repeating: 0, count: 6))
        try writer.commit()
    }

    /// A folder of pictures that follow from `seed`.
    private static func pictures(_ scene: Scene, _ name: String, count: Int, seed: UInt64, size: Int = 8) throws {
        let folder = scene.spool("data/\(name)")
        try PosixFileSystem().createDirectory(folder, mode: 0o700)
        var random = SeededGenerator(seed: seed)
        for number in 0..<count {
            let bytes = (0..<3 * size * size).map { _ in UInt8.random(in: 0...255, using: &random) }
            let picture = Image(width: size, height: size, channels: 3, bytes: bytes)
            try PosixFileSystem().writeAtomically(PNG.encode(picture), to: "\(folder)/\(number).png")
        }
    }

    @Test("measures bits per dimension, and tells them as JSON, as text and as plots") func bits() async throws {
        let scene = try Scene()
        _ = try await scene.trained(TinyJobs.training(steps: 200))
        let job = try scene.job(2, Self.bits())
        try await job.succeed()
        let found = try #require(try job.json("outputs/report.json")["bits_per_dimension"])
        let total = try #require(found["total"]?.number)
        // A picture of 256 levels never needs more than 8 bits but for a model that is worse than none.
        #expect(total > 0.5 && total < 12, "\(total)")
        let terms = try ["prior", "steps", "decoder"].map { try #require(found["terms"]?[$0]?["bits"]?.number) }
        #expect(abs(terms.reduce(0, +) - total) < 1e-9 && terms.allSatisfy { $0 > 0 })
        #expect(found["pictures"]?.integer == 16 && found["held_out"]?.bool == true)
        #expect(found["is_estimate"]?.bool == false && found["timesteps_per_picture"]?.integer == 50)
        let rows = try #require(found["by_timestep"]?.elements)
        #expect(rows.count == 50 && rows[7]["from"]?.integer == 7 && rows[7]["to"]?.integer == 7)
        #expect(rows[0]["bits"]?.number == terms[2])
        // Without noise x_0 is plain to see, and with nothing else it is not.
        let errors = rows.compactMap { $0["xstart_mse"]?.number }
        #expect(errors.count == 50 && errors[0] < errors[49])
        let text = String(decoding: try job.bytes("outputs/report.md"), as: UTF8.self)
        #expect(text.contains("16 held-out pictures") && text.contains("| **total** |"))
        for plot in ["bits.png", "errors.png"] { #expect(try ImageFile.read(job("outputs/\(plot)")).width > 300) }
        let manifest = try job.json("outputs/manifest.json")
        #expect(manifest["kind"]?.string == "evaluate" && manifest["this_attempt"]?["steps"]?.integer == 100)
        #expect(try #require(manifest["this_attempt"]?["expected_memory_bytes"]?.integer) > 1 << 20)
        #expect(try !job.exists("checkpoints"))

        let estimate = try scene.job(3, Self.bits("estimate", "\"timesteps\": 10, \"count\": 8,"))
        try await estimate.succeed()
        let about = try #require(try estimate.json("outputs/report.json")["bits_per_dimension"])
        #expect(about["is_estimate"]?.bool == true && about["pictures"]?.integer == 8)
        #expect(abs(try #require(about["total"]?.number) - total) < 0.5 * total)
    }

    @Test("gives the same bits in other batches, with other threads, and after it was stopped") func sameBits()
        async throws
    {
        let scene = try Scene()
        _ = try await scene.trained()
        let whole = try scene.job(2, Self.bits("a", "\"count\": 12,"))
        let other = try scene.job(3, Self.bits("a", "\"count\": 12, \"batch_size\": 5,"))
        let stopped = try scene.job(4, Self.bits("a", "\"count\": 12, \"batch_size\": 1,"))
        try await whole.succeed()
        try await other.succeed(threads: 2)
        #expect(try whole.products() == other.products())
        var isDone = false
        for attempt in 1...3 where !isDone {
            let seen = try stopped.eventCount()
            let worker = try stopped.start(attempt: attempt)
            try await eventually("attempt \(attempt) measures") {
                try stopped.eventCount() >= seen + 3 || !worker.isRunning
            }
            worker.send(SIGTERM)
            // One that was about to end anyway may do so.
            isDone = try await worker.wait() != .status(WorkerExit.checkpointed)
        }
        if !isDone { try await stopped.succeed(attempt: 9) }
        #expect(try whole.products() == stopped.products())
        let starts = try stopped.events().filter { $0["event"]?.string == "started" }.compactMap { $0["step"]?.integer }
        #expect(starts == starts.sorted() && starts.last ?? 0 > 0)
    }

    @Test("measures the distance of folders, of what a job has drawn, and of statistics") func distances() async throws
    {
        let scene = try Scene()
        _ = try await scene.trained()
        let drawn = try scene.job(2, TinyJobs.sampling("drawn", model: "job:1", count: 6))
        try await drawn.succeed()
        try Self.pictures(scene, "noise", count: 70, seed: 1)
        try Self.pictures(scene, "more", count: 300, seed: 2)
        func value(_ job: JobDirectory) throws -> Double {
            let report = try job.json("outputs/report.json")
            // Only features of the Inception network give that name.
            #expect(report["fid"] == nil)
            return try #require(report["frechet_distance"]?["value"]?.number)
        }
        let own = try scene.job(3, Self.distance("own", "data/noise", "data/noise", "\"batch_size\": 3,"))
        try await own.succeed()
        #expect(try value(own) < 1e-9)
        let near = try scene.job(4, Self.distance("near", "data/noise", "data/more"))
        try await near.succeed()
        let far = try scene.job(5, Self.distance("far", "job:drawn", "data/more"))
        try await far.succeed()
        #expect(try value(near) > 0 && value(far) > value(near))
        let report = try #require(try near.json("outputs/report.json")["frechet_distance"])
        #expect(report["feature"]?["name"]?.string == "pixels-8x8" && report["feature"]?["count"]?.integer == 192)
        #expect(report["samples"]?["pictures"]?.integer == 70 && report["reference"]?["pictures"]?.integer == 300)
        // 70 are fewer than 193, 300 are not.
        #expect(report["warnings"]?.elements?.count == 1)
        #expect(String(decoding: try near.bytes("outputs/report.md"), as: UTF8.self).contains("no FID"))

        // The files that it wrote say the same as the pictures.
        let files = try scene.job(
            6, Self.distance("files", "jobs/000004-near/outputs/samples.npz", "jobs/000004-near/outputs/reference.npz"))
        try await files.succeed()
        #expect(try value(files) == value(near))
        let alone = try scene.job(7, "{\"kind\": \"evaluate\", \"name\": \"alone\", \"samples\": \"data/noise\"}")
        try await alone.succeed()
        #expect(try alone.bytes("outputs/samples.npz") == near.bytes("outputs/samples.npz"))
    }

    @Test("refuses what it cannot measure, with the key and what to do") func bad() async throws {
        let scene = try Scene()
        _ = try await scene.trained()
        let files = PosixFileSystem()
        try Self.pictures(scene, "few", count: 2, seed: 1)
        try Self.pictures(scene, "one", count: 1, seed: 1)
        try Self.pictures(scene, "broken", count: 3, seed: 1)
        try files.writeAtomically([0x89, 0x50, 0x4E, 0x47, 1, 2], to: scene.spool("data/broken/1.png"))
        try files.createDirectory(scene.spool("data/empty"), mode: 0o700)
        for name in ["five", "pictures"] {
            let bytes = try files.read(Fixture.path("Statistics/\(name).npz"), limit: 1 << 20)
            try files.writeAtomically(bytes, to: scene.spool("data/\(name).npz"))
        }
        try files.createDirectoriesDurably(scene.spool("jobs/000005-half/outputs"), mode: 0o700)
        try Self.misshaped(to: scene.spool("data/misshaped.safetensors"))
        let weights = "jobs/000001-tiny/model/unet/diffusion_pytorch_model.safetensors"
        let cases: [(json: String, code: Problem.Code, path: String, tells: String)] = [
            (Self.distance("a", "data/empty", "data/few"), .invalid, "$.samples", "no images"),
            (Self.distance("a", "data/few", "data/one"), .invalid, "$.reference", "a single picture"),
            (Self.distance("a", "data/few", "data/broken"), .corrupt, "$.reference", "1.png"),
            (Self.distance("a", "data/few", "data/five.npz"), .invalid, "$.reference", "5 features"),
            (Self.distance("a", "data/few", "data/pictures.npz"), .invalid, "$.reference", "no array mu"),
            (Self.distance("a", "data/few", "data/nothing"), .missing, "$.reference", "nothing"),
            (Self.distance("a", "job:nobody", "data/few"), .missing, "$.samples", "job:nobody"),
            (Self.distance("a", "job:tiny", "data/few"), .missing, "$.samples", "drawn no pictures"),
            (Self.distance("a", "job:half", "data/few"), .missing, "$.samples", "not drawn all"),
            (
                Self.distance("a", "data/few", "data/few", "\"inception\": \"\(weights)\","), .corrupt, "$.inception",
                "Conv2d_1a_3x3.conv.weight is missing"
            ),
            (
                Self.distance("a", "data/few", "data/few", "\"inception\": \"data/misshaped.safetensors\","), .corrupt,
                "$.inception", "Conv2d_1a_3x3.conv.weight has the shape [2, 3]"
            ),
            (
                "{\"kind\": \"evaluate\", \"name\": \"a\", \"model\": \"job:1\", "
                    + "\"dataset\": {\"format\": \"synthetic\", \"name\": \"shapes\", \"resolution\": 16}}", .invalid,
                "$.dataset", "the model takes [8, 8, 1]"
            ),
            (
                "{\"kind\": \"evaluate\", \"name\": \"a\", \"model\": \"job:1\", "
                    + "\"dataset\": {\"format\": \"image_folder\", \"path\": \"data/few\"}}", .invalid,
                "$.dataset",
                "the data set has none"
            ),
            (Self.bits("a", "\"resources\": {\"memory\": \"5MiB\"},"), .invalid, "$.resources.memory", "MiB of memory"),
        ]
        for (number, test) in cases.enumerated() {
            let job = try scene.job(10 + number, test.json)
            #expect(try await job.run() == .status(WorkerExit.badInput), "\(test)")
            let problem = try #require(try job.result().problem)
            #expect(problem.code == test.code && problem.path == test.path, "\(problem)")
            #expect(problem.description.contains(test.tells) && problem.remedy != nil, "\(problem)")
        }
    }

    @Test("does not measure the bits of latents") func latents() async throws {
        let scene = try Scene()
        let model = scene.spool("models/latent")
        let files = PosixFileSystem()
        try files.createDirectory(model, mode: 0o700)
        for directory in ["", "transformer", "vae", "scheduler"] {
            let source = Fixture.path("pipeline_dit/\(directory)")
            try files.createDirectoriesDurably("\(model)/\(directory)", mode: 0o700)
            for entry in try files.list(source).entries where entry.kind == .regular {
                try files.writeAtomically(
                    files.read("\(source)/\(entry.name)", limit: 1 << 24), to: "\(model)/\(directory)/\(entry.name)")
            }
        }
        let job = try scene.job(1, Self.bits().replacing("job:1", with: "latent"))
        #expect(try await job.run() == .status(WorkerExit.badInput))
        let problem = try #require(try job.result().problem)
        #expect(problem.code == .unsupported && problem.path == "$.model" && problem.message.contains("latents"))
    }
}
