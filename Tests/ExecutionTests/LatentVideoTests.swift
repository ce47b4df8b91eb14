import DurableFiles
import Glibc
import JobSpec
import Media
import Problems
import ProgramTestSupport
import StrictJSON
import TestSupport
import Testing

/// A model of video that works on the latents of a frame-wise autoencoder: trained, drawn from, and carrying clips on.
@Suite("latent video") struct LatentVideoTests {
    private let files = PosixFileSystem()

    private static let autoencoder = """
        {"kind": "train", "name": "ae",
         "model": {"architecture": "autoencoder_kl", "block_out_channels": [4, 8], "norm_num_groups": 2, "latent_channels": 2},
         "dataset": {"format": "synthetic", "name": "shapes", "count": 60, "resolution": 16},
         "training": {"steps": 20, "batch_size": 4, "learning_rate": 3e-3, "checkpoint_every": 5, "log_every": 1}}
        """

    private static let denoiser = """
        {"kind": "train", "name": "clips", "autoencoder": "job:ae",
         "model": {"architecture": "video_dit", "sample_size": 8, "sample_frames": 4, "in_channels": 2, "patch_size": 4,
                   "num_layers": 1, "num_attention_heads": 2, "attention_head_dim": 4},
         "dataset": {"format": "synthetic", "name": "moving_shapes", "count": 30, "resolution": 16},
         "diffusion": {"num_train_timesteps": 50},
         "training": {"steps": 20, "batch_size": 4, "learning_rate": 2e-3, "checkpoint_every": 5, "sample_every": 20,
                      "sample_count": 2, "log_every": 1}}
        """

    private func trained() async throws -> (scene: Scene, training: JobDirectory) {
        let scene = try Scene()
        try await scene.job(1, Self.autoencoder).succeed()
        let training = try scene.job(2, Self.denoiser)
        try await training.succeed()
        return (scene, training)
    }

    /// Frames whose pixels all differ.
    private static func clip(_ count: Int) -> [Image] {
        (0..<count).map { frame in
            Image(
                width: 16, height: 16, channels: 3,
                bytes: (0..<16 * 16 * 3).map { UInt8(truncatingIfNeeded: 7 * frame + 3 * $0) })
        }
    }

    private func write(_ frames: [Image], _ name: String, _ scene: Scene) throws {
        try files.createDirectory(scene.spool("data/\(name)"), mode: 0o700)
        for (number, frame) in frames.enumerated() {
            try files.writeAtomically(PNG.encode(frame), to: scene.spool("data/\(name)/\(100 + number).png"))
        }
    }

    private func extending(_ scene: Scene, _ more: String) -> String {
        """
        {"kind": "video_extend", "name": "more", "model": "job:clips", "video": "\(scene.spool("data/clip"))", \(more)
         "output": {"video": "png"}, "seed": 3}
        """
    }

    private func frames(_ job: JobDirectory, _ directory: String = "outputs/frames") throws -> [Image] {
        try files.list(job(directory)).entries.map(\.name).sorted().map {
            try ImageFile.read(job("\(directory)/\($0)"))
        }
    }

    @Test("is trained and drawn, and published with its autoencoder") func draws() async throws {
        let (scene, training) = try await trained()
        #expect(training.log.contains("30 of them new"))
        #expect(try ImageFile.read(training("outputs/preview-00000020.png")).height == 2 * 16 + 3 * 2)
        #expect(try training.json("model/model_index.json")["vae"] != nil)
        let picture = Self.clip(1)[0]
        try files.writeAtomically(PNG.encode(picture), to: scene.spool("data/first.png"))
        let job = try scene.job(
            3,
            """
            {"kind": "sample", "name": "drawn", "model": "job:clips", "count": 2, "frames": 6, "size": [16, 24],
             "sampler": {"name": "ddim", "steps": 3}, "image": "\(scene.spool("data/first.png"))",
             "output": {"video": "png"}}
            """)
        try await job.succeed()
        for sample in 0..<2 {
            let clip = try frames(job, "outputs/0000\(sample)")
            #expect(clip.count == 6 && clip.allSatisfy { $0.width == 24 && $0.height == 16 })
            #expect(clip[0] == picture.centreFitted(width: 24, height: 16))
        }
        let refused = try scene.job(
            4,
            """
            {"kind": "sample", "name": "odd", "model": "job:clips", "size": 20, "sampler": {"name": "ddim", "steps": 3}}
            """)
        #expect(try await refused.run() == .status(WorkerExit.badInput))
        let problem = try #require(try refused.result().problem)
        #expect(problem.path == "$.size" && problem.message.contains("8x8 pixels"), "\(problem)")
    }

    @Test("carries clips on and keeps every bit of what is given, however often it is killed") func extends()
        async throws
    {
        let (scene, _) = try await trained()
        let given = Self.clip(5)
        try write(given, "clip", scene)
        let text = extending(
            scene,
            "\"frames\": 13, \"context_frames\": 3, \"direction\": \"both\", \"sampler\": {\"name\": \"ddpm\", \"steps\": 20},"
        )
        let undisturbed = try scene.job(3, text)
        try await undisturbed.succeed()
        let all = try frames(undisturbed)
        #expect(all.count == 31 && Array(all[13..<18]) == given)
        #expect(all.allSatisfy { $0.width == 16 && $0.height == 16 })
        #expect(try !undisturbed.exists("checkpoints"))
        let killed = try scene.job(4, text)
        for attempt in 1...3 {
            let seen = try killed.eventCount()
            let worker = try killed.start(attempt: attempt, threads: attempt % 2 + 1)
            try await eventually("windows are made") { try killed.eventCount() >= seen + 4 || !worker.isRunning }
            worker.send(SIGKILL)
            _ = try await worker.wait()
        }
        try await killed.succeed(attempt: 4)
        #expect(try undisturbed.products() == killed.products())
        let starts = try killed.events().filter { $0["event"]?.string == "started" }.compactMap { $0["step"]?.integer }
        #expect(starts == starts.sorted() && starts.last ?? 0 > 100)

        let between = try scene.job(
            5,
            extending(
                scene,
                """
                "to": "\(scene.spool("data/clip"))", "direction": "between", "frames": 2, "context_frames": 1,
                "conditioning": "replacement",
                """))
        try await between.succeed()
        #expect(try frames(between).count == 12 && Array(frames(between)[7...]) == given)
    }
}
