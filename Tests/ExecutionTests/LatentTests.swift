import DurableFiles
import Glibc
import JobSpec
import Media
import ProgramTestSupport
import StrictJSON
import TestSupport
import Testing

@Suite("a job with a model of latents") struct LatentTests {
    /// A scene with a copy of a directory that diffusers wrote, `data/latent`, whose latents are 4 x 4 and pictures 8 x 8.
    private func scene() throws -> Scene {
        let scene = try Scene()
        let files = PosixFileSystem()
        for folder in ["", "/transformer", "/vae", "/scheduler"] {
            try files.createDirectory(scene.spool("data/latent\(folder)"), mode: 0o700)
        }
        let weights = "diffusion_pytorch_model.safetensors"
        for name in [
            "model_index.json", "transformer/config.json", "transformer/\(weights)", "vae/config.json",
            "vae/\(weights)", "scheduler/scheduler_config.json",
        ] {
            let source = Fixture.path("pipeline_dit/\(name)")
            try files.writeAtomically(files.read(source, limit: 1 << 24), to: scene.spool("data/latent/\(name)"))
        }
        return scene
    }

    private func sampling(
        _ scene: Scene, _ id: Int, steps: Int = 3, count: Int = 3, batchSize: Int = 2, rng: String = "philox"
    ) throws -> JobDirectory {
        try scene.job(
            id,
            """
            {"kind": "sample", "name": "latent", "model": "data/latent", "count": \(count), "batch_size": \(batchSize),
             "class_labels": [0, 1, 2], "guidance_scale": 2, "sampler": {"name": "ddim", "steps": \(steps), "eta": 1},
             "rng": "\(rng)", "output": {"animation": "gif"}}
            """)
    }

    @Test("writes the pictures that the autoencoder makes of them, whatever the batch and the threads")
    func pictures() async throws {
        let scene = try scene()
        let (two, one) = (try sampling(scene, 1), try sampling(scene, 2, batchSize: 1))
        try await two.succeed()
        try await one.succeed(threads: 2)
        for sample in 0..<3 {
            let name = "outputs/0000\(sample).png"
            let picture = try ImageFile.read(two(name))
            #expect(picture.width == 8 && picture.height == 8 && picture.channels == 3)
            #expect(try two.bytes(name) == one.bytes(name))
        }
        #expect(try two.bytes("outputs/00000.png") != two.bytes("outputs/00001.png"))
        #expect(try two.bytes("outputs/animation.gif").starts(with: Array("GIF89a".utf8)))
    }

    /// The step before the decoding is taken again.
    @Test("is stopped between two decoded pictures of a batch, and goes on with the same bits")
    func stoppedDecoding() async throws {
        let scene = try scene()
        func job(_ id: Int) throws -> JobDirectory { try sampling(scene, id, count: 800, batchSize: 800) }
        let undisturbed = try job(1)
        try await undisturbed.succeed()
        let stopped = try job(2)
        let worker = try stopped.start()
        try await eventually("it decodes") { try stopped.exists("outputs/00000.png") || !worker.isRunning }
        worker.send(SIGTERM)
        #expect(try await worker.wait() == .status(WorkerExit.checkpointed))
        #expect(try !stopped.exists("outputs/00799.png"))
        try await stopped.succeed(attempt: 2)
        #expect(try stopped.events().last { $0["event"]?.string == "started" }?["step"]?.integer == 2)
        #expect(try undisturbed.products() == stopped.products())
    }

    /// The model is both networks: its hash changes with the autoencoder.
    @Test("tells in its manifest which weights made them") func digest() async throws {
        let scene = try scene()
        let (first, second) = (try sampling(scene, 1), try sampling(scene, 2))
        try await first.succeed()
        let path = scene.spool("data/latent/vae/diffusion_pytorch_model.safetensors")
        var bytes = try PosixFileSystem().read(path, limit: 1 << 24)
        bytes[bytes.count - 4] ^= 1
        try PosixFileSystem().writeAtomically(bytes, to: path)
        try await second.succeed()
        func hash(_ job: JobDirectory) throws -> String {
            try #require(job.json("outputs/manifest.json")["model"]?["sha256"]?.string)
        }
        #expect(try hash(first) != hash(second))
    }

    @Test("draws the same pictures after a kill", arguments: ["philox", "torch"])
    func interruption(rng: String) async throws {
        let scene = try scene()
        let undisturbed = try sampling(scene, 1, steps: 50, count: 40, rng: rng)
        try await undisturbed.succeed()
        let killed = try sampling(scene, 2, steps: 50, count: 40, rng: rng)
        for attempt in 1...2 {
            let seen = try killed.eventCount()
            let worker = try killed.start(attempt: attempt)
            try await eventually("it draws") { try killed.eventCount() >= seen + 4 || !worker.isRunning }
            worker.send(SIGKILL)
            #expect(try await worker.wait() == .signal(SIGKILL))
        }
        try await killed.succeed(attempt: 3)
        #expect(try undisturbed.products() == killed.products())
    }

    @Test("changes a picture where the mask is white and leaves the rest as it was, to the bit")
    func inpainting() async throws {
        let scene = try scene()
        let original = Image(
            width: 8, height: 8, channels: 3, bytes: (0..<192).map { UInt8(truncatingIfNeeded: $0 * 37) })
        let mask = Image(width: 8, height: 8, channels: 1, bytes: (0..<64).map { $0 % 8 < 3 ? 255 : 0 })
        let files = PosixFileSystem()
        try files.writeAtomically(PNG.encode(original), to: scene.spool("data/in.png"))
        try files.writeAtomically(PNG.encode(mask), to: scene.spool("data/mask.png"))
        func job(_ id: Int, _ extra: String) throws -> JobDirectory {
            try scene.job(
                id,
                """
                {"kind": "img2img", "name": "edit", "model": "data/latent", "image": "data/in.png", \(extra)
                 "count": 2, "class_labels": [1], "sampler": {"name": "ddim", "steps": 10}}
                """)
        }
        let inpainted = try job(1, "\"mask\": \"data/mask.png\", \"strength\": 1,")
        try await inpainted.succeed()
        var pictures: [Image] = []
        for sample in 0..<2 {
            let picture = try ImageFile.read(inpainted("outputs/0000\(sample).png"))
            for y in 0..<8 {
                for x in 3..<8 { #expect(picture[x, y] == original[x, y], "\(x), \(y)") }
            }
            pictures.append(picture)
        }
        #expect(pictures[0] != pictures[1] && pictures[0] != original)

        let edited = try job(2, "\"strength\": 0.5,")
        try await edited.succeed()
        #expect(try ImageFile.read(edited("outputs/00000.png")) != ImageFile.read(edited("outputs/00001.png")))
        #expect(try edited.json("outputs/manifest.json")["images"]?.elements?.count == 2)
    }
}
