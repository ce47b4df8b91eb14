import DurableFiles
import JobSpec
import Media
import Problems
import ProgramTestSupport
import StrictJSON
import TestSupport
import Testing

@Suite("a sample job") struct SamplingTests {
    @Test("draws pictures that carry their settings, a grid, an animation and a manifest")
    func everything() async throws {
        let scene = try Scene()
        _ = try await scene.trained()
        let job = try scene.job(
            2,
            TinyJobs.sampling(model: "job:1", count: 5, batchSize: 2, extra: "\"output\": {\"animation\": \"gif\"},"))
        try await job.succeed()

        for sample in 0..<5 {
            let decoded = try PNG.decode(job.bytes("outputs/0000\(sample).png"))
            #expect(decoded.image.width == 8 && decoded.image.height == 8)
            let texts = Dictionary(decoded.texts.map { ($0.keyword, $0.value) }) { first, _ in first }
            let parameters = try #require(texts["parameters"])
            for part in [
                "Steps: 10", "Sampler: ddpm", "Seed: 3", "Size: 8x8", "Image number: \(sample)", "RNG: philox",
                "Class: \(sample % 3)",
            ] {
                #expect(parameters.contains(part), "\(part) in \(parameters)")
            }
            let own = try JSONNode.parse(Array(#require(texts["diffd"]).utf8))
            #expect(own["index"]?.integer == sample && own["class_label"]?.integer == sample % 3)
        }
        #expect(try ImageFile.read(job("outputs/grid.png")).width > 16)
        #expect(try job.bytes("outputs/animation.gif").starts(with: Array("GIF89a".utf8)))

        let manifest = try job.json("outputs/manifest.json")
        #expect(manifest["kind"]?.string == "sample" && manifest["rng"]?.string == "philox")
        #expect(manifest["model"]?["class"]?.string == "UNet2DModel")
        let weights = "\(scene.spool.path)/jobs/000001-tiny/model/unet/diffusion_pytorch_model.safetensors"
        #expect(try manifest["model"]?["sha256"]?.string == SHA256.digest(ofFile: weights).description)
        #expect(manifest["sampler"]?["name"]?.string == "ddpm" && manifest["sampler"]?["steps"]?.integer == 10)
        #expect(manifest["scheduler"]?["num_train_timesteps"]?.integer == 50)
        #expect(manifest["images"]?.elements?.map { $0["file"]?.string } == (0..<5).map { "0000\($0).png" })
        #expect(manifest["this_attempt"]?["steps"]?.integer == 30)
        #expect(try #require(manifest["this_attempt"]?["seconds_per_step"]?.number) > 0)

        #expect(try job.events().map { $0["event"]?.string } == ["started", "samples", "samples", "samples"])
        // What was only needed on the way is gone.
        #expect(try !job.exists("checkpoints"))
        #expect(try PosixFileSystem().list(job("outputs")).entries.allSatisfy { !$0.name.hasPrefix(".") })
    }

    @Test(
        "draws the same pictures in a batch of 8 and in 8 of 1, with one thread and with two",
        arguments: ["ddpm", "ddim"])
    func batches(sampler: String) async throws {
        let scene = try Scene()
        _ = try await scene.trained()
        let together = try scene.job(2, TinyJobs.sampling(model: "job:tiny", sampler: sampler, batchSize: 8))
        let alone = try scene.job(3, TinyJobs.sampling(model: "job:tiny", sampler: sampler, batchSize: 1))
        let threaded = try scene.job(4, TinyJobs.sampling(model: "job:tiny", sampler: sampler, batchSize: 3))
        try await together.succeed()
        try await alone.succeed()
        try await threaded.succeed(threads: 2)
        #expect(try together.products() == alone.products())
        #expect(try together.products() == threaded.products())
        #expect(try together.bytes("outputs/00000.png") != together.bytes("outputs/00003.png"))
    }

    @Test("fails where what it draws is no number, and keeps what was finished") func notFinite() async throws {
        let scene = try Scene()
        let trained = try await scene.trained()
        // What the model knows of its second class, a row of 32.
        try trained.spoil(
            "class_embedding.weight", from: 32, count: 32, in: "model/unet/diffusion_pytorch_model.safetensors")
        let job = try scene.job(2, TinyJobs.sampling(model: "job:1", count: 3, batchSize: 1))
        #expect(try await job.run() != .status(WorkerExit.succeeded))
        let problem = try #require(job.result().problem)
        #expect(problem.code == .numerical && problem.path == "$.model" && problem.remedy != nil, "\(problem)")
        for part in ["sampler ddpm", "100 %", "sample 1 ", "step 1 of 10", "class_embedding.weight"] {
            #expect(problem.message.contains(part), "\(part) in \(problem.message)")
        }
        #expect(try job.exists("outputs/00000.png") && !job.exists("outputs/00001.png"))
    }

    @Test("with torch's numbers draws other pictures, the same each time")
    func torch() async throws {
        let scene = try Scene()
        _ = try await scene.trained()
        let first = try scene.job(2, TinyJobs.sampling(model: "job:1", rng: "torch"))
        let second = try scene.job(3, TinyJobs.sampling(model: "job:1", rng: "torch"))
        let philox = try scene.job(4, TinyJobs.sampling(model: "job:1"))
        try await first.succeed()
        try await second.succeed(threads: 2)
        try await philox.succeed()
        #expect(try first.products() == second.products())
        #expect(try ImageFile.read(first("outputs/00000.png")) != ImageFile.read(philox("outputs/00000.png")))
    }

    @Test("of points writes a table and a plot in the data's own coordinates")
    func points() async throws {
        let scene = try Scene()
        _ = try await scene.trained(TinyJobs.points())
        let job = try scene.job(
            2,
            """
            {"kind": "sample", "name": "dots", "model": "job:points", "sampler": {"name": "ddpm", "steps": 20}, "count": 30,
             "batch_size": 7, "output": {"animation": "gif", "animation_frames": 3}}
            """)
        try await job.succeed()
        let rows = try String(decoding: job.bytes("outputs/points.csv"), as: UTF8.self).split(separator: "\n").map {
            $0.split(separator: ",").compactMap { Double($0) }
        }
        #expect(rows.count == 30 && rows.allSatisfy { $0.count == 2 })
        // The spiral lies within the unit circle.
        #expect(rows.count { abs($0[0]) < 1.5 && abs($0[1]) < 1.5 } > 25)
        #expect(try ImageFile.read(job("outputs/scatter.png")).width > 100)
        #expect(try job.exists("outputs/animation.gif"))
    }
}
