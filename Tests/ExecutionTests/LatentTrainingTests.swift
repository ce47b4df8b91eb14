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

/// An autoencoder trained, a transformer trained on its latents, and pictures drawn from that: each as a job of its own.
@Suite("latent diffusion") struct LatentTrainingTests {
    private func autoencoder(steps: Int = 40, model: String = "", extra: String = "") -> String {
        """
        {"kind": "train", "name": "ae",
         "model": {"architecture": "autoencoder_kl", "block_out_channels": [4, 8], "norm_num_groups": 2, \(model)
                   "latent_channels": 2},
         "dataset": {"format": "synthetic", "name": "shapes", "count": 60, "resolution": 8, "horizontal_flip": true,
                     "validation_split": 10},
         "reconstruction": {"loss": "l1", "kl_weight": 1e-4},
         "training": {"steps": \(steps), "batch_size": 4, "learning_rate": 3e-3, "ema_decay": 0.9, "checkpoint_every": 5,
                      "sample_every": 20, "sample_count": 3, \(extra) "log_every": 1},
         "seed": 1}
        """
    }

    private func denoiser(steps: Int = 30, channels: Int = 2, size: Int = 4, flip: Bool = true) -> String {
        """
        {"kind": "train", "name": "latents", "autoencoder": "job:ae",
         "model": {"architecture": "dit", "num_layers": 1, "num_attention_heads": 2, "attention_head_dim": 8,
                   "in_channels": \(channels), "sample_size": \(size), "patch_size": 2, "num_embeds_ada_norm": 3},
         "dataset": {"format": "synthetic", "name": "shapes", "count": 60, "resolution": 8, "horizontal_flip": \(flip),
                     "validation_split": 10},
         "diffusion": {"num_train_timesteps": 50},
         "training": {"steps": \(steps), "batch_size": 4, "learning_rate": 2e-3, "ema_decay": 0.9, "checkpoint_every": 5,
                      "sample_every": 15, "sample_count": 3, "log_every": 1},
         "seed": 1}
        """
    }

    @Test("an autoencoder is published with its scale, previews and a curve") func training() async throws {
        let job = try Scene().job(1, autoencoder(extra: "\"save_raw_weights\": true,"))
        try await job.succeed()
        let config = try job.json("model/config.json")
        #expect(config["_class_name"]?.string == "AutoencoderKL" && config["sample_size"]?.integer == 8)
        let scale = try #require(config["scaling_factor"]?.number)
        #expect(scale != 0.18215 && scale > 0)
        let manifest = try job.json("outputs/manifest.json")
        #expect(manifest["scaling_factor"]?.number == scale && manifest["model"]?.string == "AutoencoderKL")
        #expect(try #require(manifest["final_validation_loss"]?.number) > 0)
        let averaged = try SafetensorsFile(job("model/diffusion_pytorch_model.safetensors"))
        let raw = try SafetensorsFile(job("model/diffusion_pytorch_model.non_ema.safetensors"))
        #expect(averaged.names == raw.names && averaged.names.contains("encoder.conv_in.weight"))
        // Three pictures, each beside its reconstruction.
        let preview = try ImageFile.read(job("outputs/preview-00000020.png"))
        #expect(preview.width == 2 * 16 + 3 * 2 && preview.height == 2 * 8 + 3 * 2)
        for name in ["loss.png", "preview-00000040.png", "previews.gif"] { #expect(try job.exists("outputs/\(name)")) }
        #expect(try job.events().last?["event"]?.string == "model")
    }

    @Test("an autoencoder whose training was killed is the same") func killedAutoencoder() async throws {
        let scene = try Scene()
        let (undisturbed, killed) = (
            try scene.job(1, autoencoder(steps: 200)), try scene.job(2, autoencoder(steps: 200))
        )
        try await undisturbed.succeed()
        try await kill(killed, after: [9, 25])
        #expect(try undisturbed.products() == killed.products())
    }

    /// Kills an attempt after each of so many further events, then lets one end.
    private func kill(_ job: JobDirectory, after events: [Int]) async throws {
        for (attempt, further) in events.enumerated() {
            let seen = try job.eventCount()
            let worker = try job.start(attempt: attempt + 1, threads: attempt % 2 + 1)
            try await eventually("attempt \(attempt + 1) trains") {
                try job.eventCount() >= seen + further || !worker.isRunning
            }
            worker.send(SIGKILL)
            #expect(try await worker.wait() == .signal(SIGKILL))
        }
        try await job.succeed(attempt: events.count + 1)
    }

    @Test("a network of latents is a whole pipeline, however often it was killed") func latents() async throws {
        let scene = try Scene()
        let autoencoder = try scene.job(1, self.autoencoder())
        try await autoencoder.succeed()
        let undisturbed = try scene.job(2, denoiser(steps: 200))
        try await undisturbed.succeed()
        #expect(undisturbed.log.contains("120 of them new"))

        let model = try undisturbed.json("model/model_index.json")
        #expect(model["_class_name"]?.string == "DiTPipeline")
        #expect(model["vae"]?.elements?.last?.string == "AutoencoderKL")
        #expect(try undisturbed.bytes("model/vae/config.json") == autoencoder.bytes("model/config.json"))
        let preview = try ImageFile.read(undisturbed("outputs/preview-00000015.png"))
        #expect(preview.width == 2 * 8 + 3 * 2 && preview.channels == 3)

        // Latents that were computed once are there for all; those that are damaged are computed again.
        let cache = scene.spool("cache/latents")
        let names = try PosixFileSystem().list(cache).entries.map(\.name)
        #expect(names.count == 2)
        var bytes = try PosixFileSystem().read("\(cache)/\(names[0])", limit: 1 << 24)
        bytes[bytes.count - 9] ^= 64
        try PosixFileSystem().writeAtomically(bytes, to: "\(cache)/\(names[0])")
        let killed = try scene.job(3, denoiser(steps: 200))
        try await kill(killed, after: [9, 25])
        #expect(killed.log.contains("60 of them new") && killed.log.contains("0 of them new"))
        #expect(killed.log.contains("the cached latents are damaged"))
        #expect(try undisturbed.products() == killed.products())

        let drawn = try scene.job(
            4,
            """
            {"kind": "sample", "name": "drawn", "model": "job:latents", "count": 3, "class_labels": [0, 1, 2],
             "guidance_scale": 2, "sampler": {"name": "ddim", "steps": 5}}
            """)
        try await drawn.succeed()
        #expect(try ImageFile.read(drawn("outputs/00002.png")).width == 8)

        // The same latents through another autoencoder, and through one of more channels.
        try await scene.job(5, self.autoencoder(steps: 5).replacing("\"ae\"", with: "\"other\"")).succeed()
        try await scene.job(
            6, self.autoencoder(steps: 5).replacing("latent_channels\": 2", with: "latent_channels\": 3")
        )
        .succeed()
        func other(_ id: Int, _ autoencoder: String) throws -> JobDirectory {
            try scene.job(
                id,
                """
                {"kind": "sample", "name": "other", "model": "job:latents", "autoencoder": "\(autoencoder)", "count": 3,
                 "class_labels": [0, 1, 2], "guidance_scale": 2, "sampler": {"name": "ddim", "steps": 5}}
                """)
        }
        let exchanged = try other(7, "job:other")
        try await exchanged.succeed()
        #expect(try exchanged.bytes("outputs/00000.png") != drawn.bytes("outputs/00000.png"))
        let refused = try other(8, "job:6")
        #expect(try await refused.run() == .status(WorkerExit.badInput))
        #expect(try refused.result().problem?.path == "$.autoencoder")
    }

    @Test(
        "what does not fit the autoencoder is told before anything is decoded",
        arguments: [
            (3, 4, "$.model.in_channels", "2 channels"), (2, 2, "$.model.sample_size", "4x4 latents"),
        ])
    func mismatch(channels: Int, size: Int, path: String, tells: String) async throws {
        let scene = try Scene()
        try await scene.job(1, autoencoder(steps: 5)).succeed()
        let job = try scene.job(2, denoiser(channels: channels, size: size))
        #expect(try await job.run() == .status(WorkerExit.badInput))
        let problem = try #require(job.result().problem)
        #expect(problem.path == path && problem.message.contains(tells) && problem.remedy != nil, "\(problem)")
    }

    @Test("latents that are no numbers are never kept") func notFinite() async throws {
        let scene = try Scene()
        let encoder = try scene.job(1, autoencoder(steps: 5))
        try await encoder.succeed()
        try encoder.spoil("encoder.conv_in.bias", in: "model/diffusion_pytorch_model.safetensors")
        let job = try scene.job(2, denoiser())
        #expect(try await job.run() != .status(WorkerExit.succeeded))
        let problem = try #require(job.result().problem)
        #expect(problem.code == .numerical && problem.path == "$.autoencoder", "\(problem)")
        #expect(problem.message.contains("latents") && problem.message.contains("encoder.conv_in.bias"), "\(problem)")
        #expect(try PosixFileSystem().list(scene.spool("cache/latents")).entries.isEmpty)
    }

    @Test("a model that has no autoencoder is none") func notAnAutoencoder() async throws {
        let scene = try Scene()
        try await scene.job(1, TinyJobs.training("ae", steps: 5)).succeed()
        let job = try scene.job(2, denoiser())
        #expect(try await job.run() == .status(WorkerExit.badInput))
        let problem = try #require(job.result().problem)
        #expect(problem.path == "$.autoencoder" && problem.remedy != nil)
    }
}
