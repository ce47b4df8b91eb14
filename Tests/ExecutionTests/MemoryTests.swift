import DurableFiles
import JobSpec
import Media
import Problems
import ProgramTestSupport
import StrictJSON
import TestSupport
import Testing

@Suite("the memory of a job") struct MemoryTests {
    private func training(memory: String, batch: Int = 64) -> String {
        """
        {"kind": "train", "name": "large", "seed": 1, "resources": {"memory": "\(memory)"},
         "model": {"architecture": "unet2d", "sample_size": 32, "in_channels": 3, "out_channels": 3, "layers_per_block": 1,
                   "block_out_channels": [16, 16], "norm_num_groups": 4,
                   "down_block_types": ["DownBlock2D", "DownBlock2D"], "up_block_types": ["UpBlock2D", "UpBlock2D"]},
         "dataset": {"format": "synthetic", "name": "shapes", "count": 64, "resolution": 32},
         "training": {"steps": 2, "batch_size": \(batch)}}
        """
    }

    @Test("is told before it is taken") func estimate() async throws {
        let scene = try Scene()
        let job = try scene.job(1, training(memory: "2GiB"))
        try await job.succeed()
        let attempt = try #require(try job.json("outputs/manifest.json")["this_attempt"])
        let expected = try #require(attempt["expected_memory_bytes"]?.integer)
        let peak = try #require(attempt["peak_memory_bytes"]?.integer)
        let ratio = Double(expected) / Double(peak)
        #expect(ratio > 0.85 && ratio < 1.15, "\(expected) expected, \(peak) taken")
        #expect(job.log.contains("MiB of memory"))
    }

    @Test("that is not enough ends it with the figure and with what would fit") func refusal() async throws {
        let scene = try Scene()
        let job = try scene.job(1, training(memory: "120MiB"))
        #expect(try await job.run() == .status(WorkerExit.badInput))
        let problem = try #require(try job.result().problem)
        #expect(problem.code == .invalid && problem.path == "$.resources.memory")
        #expect(problem.message.contains("MiB of memory, but resources.memory is 120 MiB"), "\(problem)")
        #expect(problem.remedy?.contains("gradient_checkpointing") == true)

        // What it says does fit.
        let other = try scene.job(2, training(memory: "120MiB", batch: 4))
        try await other.succeed()

        let hopeless = try scene.job(3, training(memory: "10MiB"))
        #expect(try await hopeless.run() == .status(WorkerExit.badInput))
        #expect(try #require(try hopeless.result().problem).remedy?.contains("resources.memory of") == true)
    }

    @Test("of an extension is told before it is taken, and what of it would fit") func extending() async throws {
        let scene = try Scene()
        try await scene.job(
            1,
            """
            {"kind": "train", "name": "clips", "model": {"architecture": "video_dit", "sample_frames": 4, "max_frames": 128,
             "num_layers": 2}, "dataset": {"format": "synthetic", "name": "moving_shapes", "count": 4},
             "training": {"steps": 1, "batch_size": 1}}
            """
        ).succeed()
        try PosixFileSystem().createDirectory(scene.spool("data/clip"), mode: 0o700)
        for number in 0..<8 {
            let frame = Image(
                width: 32, height: 32, channels: 3, bytes: [UInt8](repeating: UInt8(20 * number), count: 3072))
            try PosixFileSystem().writeAtomically(PNG.encode(frame), to: scene.spool("data/clip/\(number).png"))
        }
        func job(_ id: Int, memory: Int) throws -> JobDirectory {
            try scene.job(
                id,
                """
                {"kind": "video_extend", "name": "more", "model": "job:clips", "video": "\(scene.spool("data/clip"))",
                 "frames": 92, "context_frames": 4, "window_frames": 96, "sampler": {"name": "ddim", "steps": 2},
                 "resources": {"memory": \(memory)}}
                """)
        }
        let whole = try job(2, memory: 2 << 30)
        try await whole.succeed()
        let attempt = try #require(try whole.json("outputs/manifest.json")["this_attempt"])
        let expected = try #require(attempt["expected_memory_bytes"]?.integer)
        let peak = try #require(attempt["peak_memory_bytes"]?.integer)
        let ratio = Double(expected) / Double(peak)
        #expect(ratio > 0.85 && ratio < 1.15, "\(expected) expected, \(peak) taken")
        let refused = try job(3, memory: expected * 3 / 4)
        #expect(try await refused.run() == .status(WorkerExit.badInput))
        let problem = try #require(try refused.result().problem)
        #expect(
            problem.path == "$.resources.memory" && problem.remedy?.contains("With window_frames") == true, "\(problem)"
        )
    }

    @Test("of a sampling counts its batch") func sampling() async throws {
        let scene = try Scene()
        try await scene.job(1, training(memory: "1GiB", batch: 4)).succeed()
        let job = try scene.job(
            2,
            """
            {"kind": "sample", "name": "many", "model": "jobs/000001-large/model", "count": 400, "batch_size": 400,
             "sampler": {"name": "ddim", "steps": 2}, "resources": {"memory": "120MiB"}}
            """)
        #expect(try await job.run() == .status(WorkerExit.badInput))
        let problem = try #require(try job.result().problem)
        #expect(problem.remedy?.contains("With batch_size") == true, "\(problem)")
    }

    @Test("of a sampling is less with weights of 16 bits, and its pictures are the same to the eye")
    func halfWeights() async throws {
        let scene = try Scene()
        try await scene.job(
            1,
            """
            {"kind": "train", "name": "wide", "seed": 1,
             "model": {"architecture": "unet2d", "sample_size": 8, "in_channels": 3, "out_channels": 3,
                       "layers_per_block": 1, "block_out_channels": [192, 192], "norm_num_groups": 4,
                       "down_block_types": ["DownBlock2D", "DownBlock2D"],
                       "up_block_types": ["UpBlock2D", "UpBlock2D"]},
             "dataset": {"format": "synthetic", "name": "shapes", "count": 8, "resolution": 8},
             "training": {"steps": 2, "batch_size": 2}}
            """
        ).succeed()
        func draw(_ id: Int, _ type: String) async throws -> (memory: Int, picture: [UInt8]) {
            let job = try scene.job(
                id,
                """
                {"kind": "sample", "name": "\(type)", "model": "job:1", "weights_dtype": "\(type)",
                 "sampler": {"name": "ddim", "steps": 4}, "output": {"grid": false}}
                """)
            try await job.succeed()
            let memory = try job.json("outputs/manifest.json")["this_attempt"]?["expected_memory_bytes"]?.integer
            return (try #require(memory), try ImageFile.read(job("outputs/00000.png")).bytes)
        }
        let full = try await draw(2, "fp32")
        for (id, type) in [(3, "fp16"), (4, "bf16")] {
            let half = try await draw(id, type)
            // Of four million weights.
            #expect(full.memory - half.memory > 6 << 20, "\(full.memory), with \(type) \(half.memory)")
            let differences = zip(full.picture, half.picture).map { abs(Int($0) - Int($1)) }
            #expect(differences.max() ?? 255 <= 8, "\(type)")
        }
    }
}
