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

/// Jobs on two tiny pipelines of diffusers, `data/sd` and `data/xl`.
@Suite("a job with a model that reads text") struct TextTests {
    private static let fixtures = Fixture.path("text_pipelines")

    private func scene() throws -> Scene {
        let scene = try Scene()
        for name in ["sd", "xl"] { try scene.copy("text_pipelines/\(name)", to: "data/\(name)") }
        let picture = try PosixFileSystem().read("\(Self.fixtures)/picture.png", limit: 1 << 24)
        try PosixFileSystem().writeAtomically(picture, to: scene.spool("data/picture.png"))
        return scene
    }

    /// A sample job on `data/sd`.
    private func job(_ scene: Scene, _ id: Int, _ members: String) throws -> JobDirectory {
        try scene.job(id, "{\"kind\": \"sample\", \"name\": \"words\", \"model\": \"data/sd\", \(members)}")
    }

    private static let cases =
        (try? JSONNode.parse(PosixFileSystem().read("\(fixtures)/jobs.json", limit: 1 << 20)))?.members ?? []

    @Test("draws what diffusers draws from the same seed", arguments: cases.map(\.name)) func reference(
        _ name: String
    ) async throws {
        let scene = try scene()
        let members = try #require(Self.cases.first { $0.name == name }?.node.members)
        let image = members.contains { $0.name == "image" } ? [JSONNode.Member("image", "data/picture.png")] : []
        let common: [JSONNode.Member] = [.init("name", "words"), .init("rng", "torch"), .init("seed", 3)]
        let job = try scene.job(
            1, JSONNode(.object(members.filter { $0.name != "image" } + image + common)).line)
        try await job.succeed(threads: 2)
        let file = try SafetensorsFile("\(Self.fixtures)/expected.safetensors")
        let shape = try file.info(name).shape  // (N, H, W, C)
        let expected = try file.floats(name)
        let size = shape[1...].reduce(1, *)
        for sample in 0..<shape[0] {
            let drawn = try ImageFile.read(job("outputs/0000\(sample).png"))
            #expect([drawn.height, drawn.width, drawn.channels] == Array(shape[1...]))
            let differences = zip(drawn.bytes, expected[sample * size..<(sample + 1) * size]).map {
                abs(Float($0) / 255 - $1)
            }
            #expect(differences.max() ?? 1 <= 1.01 / 255)
        }
    }

    @Test("draws each sample by its own prompt, whatever the batch and the threads", arguments: ["sd", "xl"])
    func batches(model: String) async throws {
        let scene = try scene()
        func job(_ id: Int, batchSize: Int) throws -> JobDirectory {
            try scene.job(
                id,
                """
                {"kind": "sample", "name": "words", "model": "data/\(model)", "count": 4, "batch_size": \(batchSize),
                 "prompt": ["a barn", "\(String(repeating: "old stone ", count: 60))"], "long_prompt": "chunks",
                 "negative_prompt": ["sea", "snow", "light"], "sampler": {"name": "euler_ancestral", "steps": 4}}
                """)
        }
        let (four, one) = (try job(1, batchSize: 4), try job(2, batchSize: 1))
        try await four.succeed()
        try await one.succeed(threads: 2)
        for sample in 0..<4 {
            #expect(try four.bytes("outputs/0000\(sample).png") == one.bytes("outputs/0000\(sample).png"))
        }
        let images = try #require(four.json("outputs/manifest.json")["images"]?.elements)
        #expect(images.map { $0["negative_prompt"]?.string } == ["sea", "snow", "light", "sea"])
        #expect(images[0]["prompt"]?.string == "a barn" && images[2]["prompt"]?.string == "a barn")
        #expect(try four.bytes("outputs/00000.png") != four.bytes("outputs/00002.png"))
    }

    @Test(
        "draws the same pictures after a kill while it encodes, denoises and decodes", arguments: ["philox", "torch"])
    func interruption(rng: String) async throws {
        let scene = try scene()
        let prompts = (0..<60).map { "\"a house of \($0) stone\"" }.joined(separator: ", ")
        let text = """
            "prompt": [\(prompts)], "batch_size": 8, "rng": "\(rng)", "sampler": {"name": "euler_ancestral", "steps": 6}
            """
        let undisturbed = try job(scene, 1, text)
        try await undisturbed.succeed()
        let killed = try job(scene, 2, text)
        let encoded = killed("checkpoints/text")
        let files = PosixFileSystem()
        func begun(_ attempt: Int, _ isThere: () throws -> Bool) async throws {
            let worker = try killed.start(attempt: attempt)
            try await eventually("it goes on") { try isThere() || !worker.isRunning }
            worker.send(SIGKILL)
            #expect(try await worker.wait() == .signal(SIGKILL))
        }
        try await begun(1) { try files.exists(encoded) && files.list(encoded).entries.count >= 5 }
        try await begun(2) { try killed.exists("checkpoints/sampling.safetensors") }
        try await begun(3) { try killed.exists("outputs/00020.png") }
        try await killed.succeed(attempt: 4)
        #expect(try undisturbed.products() == killed.products())
        #expect(try !killed.exists("checkpoints/text"))
    }

    @Test("says what it left out of a long prompt, and writes prompts as other programs read them") func told()
        async throws
    {
        let scene = try scene()
        let job = try job(
            scene, 1,
            #""prompt": "\#(String(repeating: "old stone ", count: 60))", "negative_prompt": "sea", "sampler": {"steps": 2}"#
        )
        try await job.succeed()
        #expect(job.log.contains("left out"))
        let image = try #require(job.json("outputs/manifest.json")["images"]?.elements?.first)
        #expect(image["left_out"]?.string?.contains("old stone") == true)
        #expect(try #require(image["prompt_tokens"]?.elements?.first?.integer) == 120)
        let png = String(decoding: try job.bytes("outputs/00000.png"), as: UTF8.self)
        #expect(png.contains("Negative prompt: sea\nSteps: 3, Sampler: pndm"))
    }

    @Test("reads weights, a file of prompts, and a size of its own") func options() async throws {
        let scene = try scene()
        let files = PosixFileSystem()
        try files.writeAtomically(Array("a red barn\n\nthe sea\n".utf8), to: scene.spool("data/prompts.txt"))
        let plain = try job(
            scene, 1, #""prompt": "a (red:1.5) barn", "sampler": {"steps": 2}, "size": [16, 48]"#)
        let weighted = try job(
            scene, 2,
            #""prompt": "a (red:1.5) barn", "prompt_syntax": "weighted", "sampler": {"steps": 2}, "size": [16, 48]"#)
        let listed = try job(scene, 3, #""prompt_file": "data/prompts.txt", "count": 3, "sampler": {"steps": 2}"#)
        for job in [plain, weighted, listed] { try await job.succeed() }
        let picture = try ImageFile.read(plain("outputs/00000.png"))
        #expect(picture.height == 16 && picture.width == 48)
        #expect(try plain.bytes("outputs/00000.png") != weighted.bytes("outputs/00000.png"))
        let images = try #require(listed.json("outputs/manifest.json")["images"]?.elements)
        #expect(images.map { $0["prompt"]?.string } == ["a red barn", "", "the sea"])
    }

    @Test(
        "refuses what does not go with the model, before it begins",
        arguments: [
            ("\"sampler\": {\"steps\": 2}", "$.prompt"),
            ("\"prompt\": \"a\", \"clip_skip\": 3", "$.clip_skip"),
            ("\"prompt\": \"a\", \"size\": [17, 16]", "$.size"),
            ("\"prompt\": \"a AND b\", \"prompt_syntax\": \"weighted\"", "$.prompt"),
            ("\"prompt\": \"a\", \"sampler\": {\"eta\": 0.5}", "$.sampler.eta"),
            ("\"prompt\": \"a\", \"variant\": \"fp16\"", "$.model"),
            ("\"prompt\": \"a\", \"embeddings\": [\"data/expected.safetensors\"]", "$.embeddings"),
            ("\"prompt\": \"a\", \"loras\": [{\"path\": \"data/expected.safetensors\"}]", "$.loras"),
            ("\"prompt\": \"a\", \"loras\": [{\"path\": \"data/none.safetensors\"}]", "$.loras"),
            ("\"prompt\": \"a\", \"loras\": [{\"model\": \"job:none\"}]", "$.loras"),
            ("\"prompt\": \"a\", \"loras\": [{\"model\": \"data/sd\"}]", "$.loras"),
            ("\"prompt\": \"a\", \"refiner\": \"data/xl\", \"switch_at\": 0.99", "$.refiner"),
            ("\"prompt\": \"a\", \"class_labels\": [1]", "$.class_labels"),
        ]) func refused(_ members: String, _ path: String) async throws
    {
        let scene = try scene()
        let job = try job(scene, 1, members)
        #expect(try await job.run() == .status(WorkerExit.badInput), "\(job.log)")
        #expect(try job.result().problem?.path == path, "\(job.log)")
    }
}
