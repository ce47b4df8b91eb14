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

/// Trainings that begin with a finished model: tiny pipelines of diffusers, `data/sd` and `data/xl`, which read text, and
/// `data/latent`, which takes classes. The pictures are six squares of one colour, `data/squares`, with captions beside them.
@Suite("a training from a base model") struct FineTuningTests {
    private let scene: Scene
    private let files = PosixFileSystem()
    private static let colours: [(name: String, rgb: [UInt8])] = [
        ("red", [230, 30, 30]), ("green", [30, 200, 40]), ("blue", [40, 40, 220]),
    ]

    init() throws {
        scene = try Scene()
        for name in ["sd", "xl"] { try scene.copy("text_pipelines/\(name)", to: "data/\(name)") }
        try scene.copy("pipeline_dit", to: "data/latent")
        try files.createDirectory(scene.spool("data/squares"), mode: 0o700)
        for (number, colour) in (Self.colours + Self.colours).enumerated() {
            let path = scene.spool("data/squares/\(number)")
            let pixels = (0..<32 * 32).flatMap { _ in colour.rgb }
            try files.writeAtomically(
                PNG.encode(Image(width: 32, height: 32, channels: 3, bytes: pixels)), to: "\(path).png")
            try files.writeAtomically(
                Array("a \(colour.name) square\nsomething \(colour.name)\n".utf8), to: "\(path).txt")
        }
    }

    private func job(
        _ id: Int, base: String = "data/sd", _ members: String = "", steps: Int = 6, training: String = ""
    ) throws -> JobDirectory {
        try scene.job(
            id,
            """
            {"kind": "train", "name": "tuned", "base_model": "\(base)", \(members)
             "dataset": {"format": "image_folder", "path": "data/squares", "resolution": 32},
             "training": {"steps": \(steps), "batch_size": 2, "learning_rate": 1e-3, "checkpoint_every": 2, \(training)
                          "log_every": 1},
             "seed": 5}
            """)
    }

    private func drawn(_ id: Int, _ members: String) async throws -> [UInt8] {
        let job = try scene.job(
            id,
            """
            {"kind": "sample", "name": "drawn", "prompt": "a red square", "size": 32, "sampler": {"steps": 4}, \(members)}
            """)
        try await job.succeed()
        return try ImageFile.read(job("outputs/00000.png")).bytes
    }

    private static let textLora = #""adapter": {"type": "lora", "rank": 2, "text_encoder": true},"#
    private static let lora = #""adapter": {"type": "lora", "rank": 4},"#

    @Test("teaches the whole denoiser, and publishes a pipeline like the base", arguments: ["data/sd", "data/xl"])
    func whole(base: String) async throws {
        let job = try job(1, base: base, training: #""sample_every": 3, "sample_count": 2,"#)
        try await job.succeed(threads: 2)
        let index = try job.json("model/model_index.json")
        let own = try JSONNode.parse(files.read(scene.spool("\(base)/model_index.json"), limit: 1 << 20))
        #expect(index["_class_name"]?.string == own["_class_name"]?.string)
        #expect(index["unet"]?.line == own["unet"]?.line && index["tokenizer"]?.line == own["tokenizer"]?.line)
        let part = "unet/diffusion_pytorch_model.safetensors"
        let (before, after) = (
            try SafetensorsFile(scene.spool("\(base)/\(part)")), try SafetensorsFile(job("model/\(part)"))
        )
        #expect(before.names.sorted() == after.names.sorted())
        for name in ["conv_in.weight", "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight"] {
            #expect(try before.floats(name) != after.floats(name))
        }
        let encoder = "text_encoder/model.safetensors"
        let (given, copied) = (
            try SafetensorsFile(scene.spool("\(base)/\(encoder)")), try SafetensorsFile(job("model/\(encoder)"))
        )
        let token = "embeddings.token_embedding.weight"
        #expect(try given.floats(token) == copied.floats("text_model.\(token)"))
        #expect(given.names.count == copied.names.count)
        #expect(try await drawn(2, #""model": "\#(base)""#) != drawn(3, #""model": "job:1""#))
        #expect(try job.exists("outputs/preview-00000003.png"))
        let manifest = try job.json("outputs/manifest.json")
        #expect(manifest["captions"]?.integer == 6 && manifest["base_model"]?["sha256"]?.string?.count == 64)
    }

    @Test("teaches an adapter, which sampling adds to the base") func adapter() async throws {
        let job = try job(
            1, Self.lora, training: #""sample_every": 6, "sample_count": 1, "sample_prompts": "a red square","#)
        try await job.succeed()
        #expect(try files.list(job("model")).entries.map(\.name) == ["pytorch_lora_weights.safetensors"])
        let file = try SafetensorsFile(job("model/pytorch_lora_weights.safetensors"))
        let module = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k"
        #expect(try file.info("\(module).lora_down.weight").shape[0] == 4)
        #expect(try file.floats("\(module).alpha") == [4])
        #expect(try file.floats("\(module).lora_up.weight").contains { $0 != 0 })
        #expect(file.names.contains("lora_unet_mid_block_resnets_0_conv1.lora_down.weight"))
        let base = #""model": "data/sd""#
        let plain = try await drawn(2, base)
        #expect(try await drawn(3, #"\#(base), "loras": [{"model": "job:1"}]"#) != plain)
        #expect(try await drawn(4, #"\#(base), "loras": [{"model": "job:1", "scale": 0}]"#) == plain)
    }

    @Test("teaches an adapter of the text encoders too", arguments: ["data/sd", "data/xl"])
    func textAdapter(base: String) async throws {
        let job = try job(
            1, base: base, #""adapter": {"type": "lora", "rank": 4, "text_encoder": true},"#,
            training: #""sample_every": 6, "sample_count": 2,"#)
        try await job.succeed()
        let file = try SafetensorsFile(job("model/pytorch_lora_weights.safetensors"))
        let labels = base == "data/sd" ? ["lora_te"] : ["lora_te1", "lora_te2"]
        for label in labels {
            let module = "\(label)_text_model_encoder_layers_0"
            for layer in ["self_attn_q_proj", "self_attn_out_proj", "mlp_fc1", "mlp_fc2"] {
                #expect(try file.floats("\(module)_\(layer).lora_up.weight").contains { $0 != 0 }, "\(label) \(layer)")
            }
        }
        let model = "\"model\": \"\(base)\""
        #expect(try await drawn(2, model) != drawn(3, #"\#(model), "loras": [{"model": "job:1"}]"#))
    }

    @Test("teaches a new word", arguments: ["data/sd", "data/xl"]) func word(base: String) async throws {
        let job = try scene.job(
            1,
            """
            {"kind": "train", "name": "word", "base_model": "\(base)",
             "textual_inversion": {"token": "<shirt>", "initializer": "a", "vectors": 2},
             "dataset": {"format": "image_folder", "path": "data/squares", "resolution": 32,
                         "caption": "a photo of a <shirt>"},
             "training": {"steps": 6, "batch_size": 2, "learning_rate": 1e-2, "log_every": 1, "sample_every": 3,
                          "sample_count": 1}}
            """)
        try await job.succeed()
        let name = base == "data/sd" ? "learned_embeds" : "<shirt>"
        let file = try SafetensorsFile(job("model/\(name).safetensors"))
        #expect(file.names.sorted() == (base == "data/sd" ? ["<shirt>"] : ["clip_g", "clip_l"]))
        // Both vectors began as one, and have learned apart.
        let vectors = try file.floats(file.names[0])
        #expect(vectors.prefix(vectors.count / 2) != vectors.suffix(vectors.count / 2))
        func picture(_ id: Int, _ members: String) async throws -> [UInt8] {
            let job = try scene.job(
                id,
                """
                {"kind": "sample", "name": "drawn", "model": "\(base)", "prompt": "a photo of a <shirt>", "size": 32,
                 "sampler": {"steps": 3}\(members)}
                """)
            try await job.succeed()
            return try ImageFile.read(job("outputs/00000.png")).bytes
        }
        let embeddings = #", "embeddings": ["jobs/000001-word/model/\#(name).safetensors"]"#
        #expect(try await picture(2, "") != picture(3, embeddings))
    }

    @Test("keeps a class in mind, with pictures that are given and others that the base draws") func prior()
        async throws
    {
        try files.createDirectory(scene.spool("data/class"), mode: 0o700)
        try files.writeAtomically(
            PNG.encode(Image(width: 40, height: 32, channels: 1, bytes: [UInt8](repeating: 90, count: 40 * 32))),
            to: scene.spool("data/class/one.png"))
        let members = #""prior_preservation": {"path": "data/class", "prompt": "a square", "count": 3},"#
        let undisturbed = try job(1, members, steps: 6)
        try await undisturbed.succeed()
        #expect(
            try files.list(undisturbed("prior")).entries.map(\.name).sorted()
                == ["drawn-00000.png", "drawn-00001.png", "given-00000.png"])
        let losses = try #require(undisturbed.events().last { $0["event"]?.string == "loss" }?["losses"])
        let (own, kept) = (try #require(losses["data"]?.number), try #require(losses["prior"]?.number))
        #expect(abs(try #require(losses["loss"]?.number) - own - kept) < 1e-4)
        let plain = try job(2, steps: 6)
        try await plain.succeed()
        #expect(try undisturbed.products() != plain.products())
        let killed = try job(3, members, steps: 6)
        let worker = try killed.start()
        try await eventually("it draws") { try killed.exists("prior/drawn-00000.png") || !worker.isRunning }
        worker.send(SIGKILL)
        #expect(try await worker.wait() == .signal(SIGKILL))
        try await killed.succeed(attempt: 2, threads: 2)
        #expect(try undisturbed.products() == killed.products())
    }

    @Test("teaches only the parameters that are named") func parameters() async throws {
        let job = try job(1, #""parameters": ["attention", "conv_in.*"],"#)
        try await job.succeed()
        let part = "unet/diffusion_pytorch_model.safetensors"
        let (before, after) = (
            try SafetensorsFile(scene.spool("data/sd/\(part)")), try SafetensorsFile(job("model/\(part)"))
        )
        let changed = try before.names.filter { try before.floats($0) != after.floats($0) }
        #expect(!changed.isEmpty)
        #expect(changed.allSatisfy { $0.contains(".to_") || $0.hasPrefix("conv_in.") })
    }

    @Test("teaches a model of classes more pictures") func classes() async throws {
        let job = try scene.job(
            1,
            """
            {"kind": "train", "name": "tuned", "base_model": "data/latent",
             "dataset": {"format": "synthetic", "name": "shapes", "count": 20},
             "training": {"steps": 4, "batch_size": 2, "checkpoint_every": 2, "sample_every": 2, "sample_count": 3}}
            """)
        try await job.succeed()
        #expect(try job.json("model/model_index.json")["_class_name"]?.string == "DiTPipeline")
        #expect(try job.exists("model/vae/diffusion_pytorch_model.safetensors"))
        let sampling = try scene.job(
            2, #"{"kind": "sample", "name": "drawn", "model": "job:1", "class_labels": [1], "sampler": {"steps": 2}}"#)
        try await sampling.succeed()
    }

    @Test("that was killed is the same", arguments: ["", lora, textLora])
    func interruption(members: String) async throws {
        let more = #""sample_every": 10, "sample_count": 1, "ema_decay": 0.9,"#
        let undisturbed = try job(1, members, steps: 30, training: more)
        try await undisturbed.succeed()
        let killed = try job(2, members, steps: 30, training: more)
        for (attempt, further) in [1, 7, 12].enumerated() {
            let seen = try killed.eventCount()
            let worker = try killed.start(attempt: attempt + 1, threads: attempt % 2 + 1)
            try await eventually("attempt \(attempt + 1) goes on") {
                try killed.eventCount() >= seen + further || !worker.isRunning
            }
            worker.send(SIGKILL)
            #expect(try await worker.wait() == .signal(SIGKILL))
        }
        try await killed.succeed(attempt: 4)
        #expect(try undisturbed.products() == killed.products())
    }

    @Test("does not go on from another base") func changedBase() async throws {
        let job = try job(1, Self.lora, steps: 400)
        let worker = try job.start()
        try await eventually("it trains") { try job.eventCount() > 6 || !worker.isRunning }
        worker.send(SIGTERM)
        #expect(try await worker.wait() == .status(WorkerExit.checkpointed))
        let weights = scene.spool("data/sd/unet/diffusion_pytorch_model.safetensors")
        var bytes = try files.read(weights, limit: 1 << 24)
        bytes[bytes.count - 2] ^= 1
        try files.writeAtomically(bytes, to: weights)
        #expect(try await job.run(attempt: 2) == .status(WorkerExit.badInput))
        let problem = try #require(try job.result(attempt: 2).problem)
        #expect(problem.path == "$.base_model" && problem.message.contains("not the one"))
    }

    @Test(
        "says what does not fit",
        arguments: [
            (#""base_model": "data/sd""#, #""captions": "none""#, "no captions", "$.dataset.captions"),
            (
                #""base_model": "data/sd", "adapter": {"type": "lora", "rank": 4, "targets": ["convolution"]}"#,
                #""captions": "metadata""#, "metadata.jsonl", "$.dataset"
            ),
            (
                #""base_model": "data/sd", "textual_inversion": {"token": "<toy>", "initializer": "a"}"#,
                #""resolution": 32"#, "no caption holds", "$.textual_inversion.token"
            ),
            (
                #""base_model": "data/sd", "textual_inversion": {"token": "<toy>", "initializer": "a very long one"}"#,
                #""caption": "a <toy>""#, "tokens of the model's vocabulary", "$.textual_inversion"
            ),
            (
                #""base_model": "data/latent", "adapter": {"type": "lora", "targets": ["convolution"]}"#,
                #""resolution": 8"#, "has no layers", "$.adapter.targets"
            ),
            (
                #""base_model": "data/latent", "adapter": {"type": "lora", "text_encoder": true}"#,
                #""resolution": 8"#, "no text encoder", "$.adapter.text_encoder"
            ),
            (#""base_model": "data/none""#, #""resolution": 8"#, "no data/none", "$.base_model"),
            (
                #""base_model": "data/sd", "parameters": ["nothing.*"]"#, #""resolution": 32"#, "nothing.*",
                "$.parameters"
            ),
        ])
    func misfits(members: String, data: String, message: String, path: String) async throws {
        let job = try scene.job(
            1,
            """
            {"kind": "train", "name": "tuned", \(members),
             "dataset": {"format": "image_folder", "path": "data/squares", \(data)},
             "training": {"steps": 2, "batch_size": 1}}
            """)
        #expect(try await job.run() == .status(WorkerExit.badInput))
        let problem = try #require(try job.result().problem)
        #expect(problem.path == path, "\(problem)")
        #expect(problem.message.contains(message), "\(problem)")
    }
}
