import DurableFiles
import Glibc
import JobSpec
import Media
import ProgramTestSupport
import StrictJSON
import TestSupport
import Testing

/// Jobs that draw with LoRAs from a tiny pipeline of diffusers, `data/sd`. What the weights become is for `AdapterTests`,
/// and pictures are compared with those of diffusers by `scripts/check-text`.
@Suite("a job with LoRAs") struct LoraTests {
    private let scene: Scene
    private let files = PosixFileSystem()

    init() throws {
        scene = try Scene()
        try scene.copy("text_pipelines/sd", to: "data/sd")
        try scene.copy("adapters", to: "data/loras")
        try copy(scene.spool("data/loras/kohya.safetensors"), as: "published/pytorch_lora_weights.safetensors")
    }

    private func copy(_ file: String, as name: String) throws {
        let target = scene.spool("data/\(name)")
        if try !files.exists(Path.parent(target)) { try files.createDirectory(Path.parent(target), mode: 0o700) }
        try files.writeAtomically(files.read(file, limit: 1 << 24), to: target)
    }

    private func job(_ id: Int, _ loras: String, _ members: String = "") throws -> JobDirectory {
        try scene.job(
            id,
            """
            {"kind": "sample", "name": "lora", "model": "data/sd", "prompt": "a barn", "loras": [\(loras)],
             "sampler": {"name": "ddim", "steps": 4}\(members)}
            """)
    }

    @Test("draws other pictures with them, and tells which") func drawn() async throws {
        let kohya = #"{"path": "data/loras/kohya.safetensors", "scale": 0.8}"#
        let plain = try job(1, "")
        let one = try job(2, kohya)
        let two = try job(3, #"\#(kohya), {"path": "data/loras/loha.safetensors"}"#)
        let none = try job(4, #"{"path": "data/loras/kohya.safetensors", "scale": 0}"#)
        let published = try job(5, #"{"model": "data/published", "scale": 0.8}"#)
        for job in [plain, one, two, none, published] { try await job.succeed(threads: 2) }
        let pictures = try [plain, one, two, none, published].map { try $0.bytes("outputs/00000.png") }
        #expect(try pixels(plain) == pixels(none))
        #expect(try pixels(one) == pixels(published))
        #expect(pictures[0] != pictures[1] && pictures[1] != pictures[2])
        let loras = try #require(two.json("outputs/manifest.json")["loras"]?.elements)
        #expect(loras.map { $0["scale"]?.number } == [0.8, 1])
        let digest = try SHA256.digest(ofFile: scene.spool("data/loras/kohya.safetensors")).description
        #expect(loras[0]["sha256"]?.string == digest)
        #expect(String(decoding: pictures[1], as: UTF8.self).contains(digest))
    }

    private func pixels(_ job: JobDirectory) throws -> [UInt8] { try ImageFile.read(job("outputs/00000.png")).bytes }

    @Test("does not resume what was drawn with a file that has changed") func changed() async throws {
        let prompts = (0..<40).map { "\"a house of \($0) stone\"" }.joined(separator: ", ")
        let members = ", \"count\": 40, \"prompt\": [\(prompts)], \"batch_size\": 8"
        func job(_ id: Int) throws -> JobDirectory {
            try scene.job(
                id,
                """
                {"kind": "sample", "name": "lora", "model": "data/sd", "loras": [{"path": "data/now.safetensors"}],
                 "sampler": {"name": "euler_ancestral", "steps": 40}\(members)}
                """)
        }
        try copy(scene.spool("data/loras/kohya.safetensors"), as: "now.safetensors")
        let stopped = try job(1)
        let worker = try stopped.start(attempt: 1)
        try await eventually("it draws") { try stopped.exists("outputs/00007.png") || !worker.isRunning }
        worker.send(SIGTERM)
        #expect(try await worker.wait() == .status(WorkerExit.checkpointed))
        try copy(scene.spool("data/loras/mixed.safetensors"), as: "now.safetensors")
        #expect(try await stopped.run(attempt: 2) == .status(WorkerExit.badInput))
        #expect(stopped.log.contains("the saved state belongs to another configuration"), "\(stopped.log)")
    }
}
