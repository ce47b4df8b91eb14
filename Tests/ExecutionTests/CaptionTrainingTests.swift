import DurableFiles
import Glibc
import JobSpec
import Media
import ProgramTestSupport
import Safetensors
import StrictJSON
import TestSupport
import Testing

/// Networks that learn words from nothing, on the synthetic set with captions.
@Suite("a training of words from nothing") struct CaptionTrainingTests {
    private let scene: Scene
    private let files = PosixFileSystem()

    init() throws {
        scene = try Scene()
        try scene.copy("text_pipelines/sd", to: "data/sd")
    }

    private static let transformer = """
        {"architecture": "text_transformer", "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
         "vocab_size": 600, "max_position_embeddings": 24}
        """

    private func training(
        _ id: Int, encoder: String = transformer, width: String = "", steps: Int = 6
    ) throws -> JobDirectory {
        try scene.job(
            id,
            """
            {"kind": "train", "name": "words", "text_encoder": \(encoder),
             "model": {"architecture": "unet2d_condition", "in_channels": 3, "out_channels": 3, \(width)
                       "block_out_channels": [8, 16], "layers_per_block": 1, "norm_num_groups": 4, "attention_head_dim": 2},
             "dataset": {"format": "synthetic", "name": "captioned_shapes", "count": 200, "resolution": 16,
                         "validation_split": 10},
             "diffusion": {"num_train_timesteps": 50},
             "training": {"steps": \(steps), "batch_size": 4, "learning_rate": 2e-3, "ema_decay": 0.9,
                          "checkpoint_every": 3, "sample_every": 3, "sample_count": 2,
                          "sample_prompts": ["a small red square", "a green disc"], "log_every": 1},
             "seed": 2}
            """)
    }

    private func drawn(_ id: Int, prompt: String) async throws -> [UInt8] {
        let job = try scene.job(
            id,
            """
            {"kind": "sample", "name": "drawn", "model": "job:1", "prompt": "\(prompt)", "guidance_scale": 2,
             "sampler": {"name": "ddim", "steps": 5}}
            """)
        try await job.succeed()
        let image = try ImageFile.read(job("outputs/00000.png"))
        #expect([image.width, image.height, image.channels] == [16, 16, 3])
        return image.bytes
    }

    @Test("publishes network, text encoder and vocabulary, from which prompts draw") func published() async throws {
        let job = try training(1)
        try await job.succeed(threads: 2)
        let index = try job.json("model/model_index.json")
        #expect(index["_class_name"]?.string == "StableDiffusionPipeline")
        #expect(index["text_encoder"]?.line == #"["transformers", "CLIPTextModel"]"#)
        let vocabulary = try #require(try job.json("model/tokenizer/vocab.json").members)
        let config = try job.json("model/text_encoder/config.json")
        #expect(config["vocab_size"]?.integer == vocabulary.count && vocabulary.count > 514 && vocabulary.count <= 600)
        #expect(config["eos_token_id"]?.integer == vocabulary.count - 1 && config["hidden_size"]?.integer == 16)
        #expect(try job.json("model/tokenizer/tokenizer_config.json")["model_max_length"]?.integer == 24)
        #expect(try job.json("model/unet/config.json")["cross_attention_dim"]?.integer == 16)
        #expect(try job.exists("outputs/preview-00000006.png"))
        #expect(try await drawn(2, prompt: "a small red square") != drawn(3, prompt: "a large blue disc"))
    }

    @Test("takes the text encoder of a finished model as it is") func frozen() async throws {
        let job = try training(1, encoder: "\"data/sd\"", width: "\"cross_attention_dim\": 32,")
        try await job.succeed()
        let (given, copied) = (
            try SafetensorsFile(scene.spool("data/sd/text_encoder/model.safetensors")),
            try SafetensorsFile(job("model/text_encoder/model.safetensors"))
        )
        let token = "embeddings.token_embedding.weight"
        #expect(try given.floats(token) == copied.floats("text_model.\(token)"))
        #expect(try await drawn(2, prompt: "a red barn") != drawn(3, prompt: "the sea"))
        let other = try training(4, encoder: "\"data/sd\"", width: "\"cross_attention_dim\": 8,")
        #expect(try await other.run() == .status(WorkerExit.badInput))
        let problem = try #require(try other.result().problem)
        #expect("\(problem)".contains("Set model.cross_attention_dim to 32"), "\(problem)")
    }

    @Test("that was killed is the same") func interruption() async throws {
        let undisturbed = try training(1, steps: 24)
        try await undisturbed.succeed()
        let killed = try training(2, steps: 24)
        for (attempt, further) in [2, 9].enumerated() {
            let seen = try killed.eventCount()
            let worker = try killed.start(attempt: attempt + 1, threads: attempt + 1)
            try await eventually("attempt \(attempt + 1) goes on") {
                try killed.eventCount() >= seen + further || !worker.isRunning
            }
            worker.send(SIGKILL)
            #expect(try await worker.wait() == .signal(SIGKILL))
        }
        try await killed.succeed(attempt: 3)
        #expect(try undisturbed.products() == killed.products())
    }
}
