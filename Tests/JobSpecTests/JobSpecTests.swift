import Configurations
import Foundation
import JobSpec
import Problems
import StrictJSON
import Testing

@Suite struct JobSpecTests {
    static let train = """
        { "kind": "train", "name": "shirts",
          "model":     { "architecture": "unet2d", "sample_size": 28, "in_channels": 1, "out_channels": 1,
                         "block_out_channels": [32, 64, 64], "layers_per_block": 1 },
          "dataset":   { "format": "image_folder", "path": "shirts/", "resolution": 28, "channels": 1, "horizontal_flip": true },
          "diffusion": { "num_train_timesteps": 1000, "beta_schedule": "linear", "beta_start": 1e-4, "beta_end": 0.02,
                         "prediction_type": "epsilon", "loss": "mse" },
          "training":  { "steps": 2000, "batch_size": 64, "gradient_accumulation_steps": 1, "optimizer": "adamw", "learning_rate": 1e-3,
                         "lr_schedule": "constant", "warmup_steps": 0, "weight_decay": 0.0, "max_grad_norm": 1.0,
                         "ema_decay": 0.999, "checkpoint_every": 200, "keep_checkpoints": 3, "sample_every": 500 },
          "seed": 0 }
        """
    static let sample = """
        { "kind": "sample", "model": "shirts", "sampler": { "name": "ddim", "steps": 50, "eta": 0.0 },
          "count": 16, "batch_size": 8, "seed": 0, "rng": "philox", "class_labels": [3], "guidance_scale": 1.0,
          "output": { "format": "png", "grid": true, "animation": "gif" } }
        """
    static let edit = """
        { "kind": "img2img", "model": "shirts", "image": "in.png", "mask": "mask.png", "strength": 0.6, "count": 4,
          "sampler": { "name": "ddim", "steps": 50 } }
        """
    static let spiral = """
        {"kind": "train", "model": {"architecture": "mlp"}, "dataset": {"format": "synthetic", "name": "spiral"},
         "training": {"epochs": 40, "batch_size": 25, "optimizer": "adam", "learning_rate": 1e-3, "ema_decay": null}}
        """

    private func decode(_ text: String, _ fileName: String = "job.json") throws -> JobSpec {
        try JobSpec.decode(Array(text.utf8), fileName: fileName)
    }

    @Test(arguments: [train, sample, edit, spiral])
    func normalisedJobsReadBackTheSame(text: String) throws {
        let spec = try decode(text, "my job.json")
        let again = try decode(spec.json.text, "other.json")
        #expect(again == spec && again.json == spec.json)
    }

    @Test func readsTheTrainJob() throws {
        guard case .train(let job) = try decode(Self.train), let unet = job.model.network as? UNet2DConfiguration else {
            Issue.record("not a U-Net's training")
            return
        }
        #expect(job.common.name == "shirts" && job.training.steps == 2000 && job.training.sampleEvery == 500)
        #expect(unet.blockOutChannels == [32, 64, 64] && unet.downBlockTypes == [.plain, .plain, .plain])
        #expect(job.dataset.images == ImageOptions(resolution: 28, channels: 1, horizontalFlip: true))
    }

    @Test func pointsAreSampledAsMinidiffusionDoes() throws {
        guard case .train(let job) = try decode(Self.spiral) else { return }
        #expect(!job.diffusion.scheduler.clipSample && job.diffusion.scheduler.varianceType == .fixedLarge)
        #expect(job.training.emaDecay == nil && job.dataset.images == nil)
    }

    @Test func sizesGivenOnceHoldForBoth() throws {
        let text = Self.train.replacing("\"sample_size\": 28, ", with: "").replacing("\"channels\": 1, ", with: "")
        guard case .train(let job) = try decode(text) else { return }
        #expect(job.model.sampleShape == .image(ImageSize(28), channels: 1) && job.dataset.images?.channels == 1)
        guard case .train(let other) = try decode(Self.train.replacing("\"resolution\": 28, ", with: "")) else {
            return
        }
        #expect(other.dataset.images?.resolution == 28)
    }

    /// Each row: what is replaced in the train job, by what, and the paths reported.
    @Test(arguments: [
        ("\"steps\": 2000", "\"steps\": \"2000\"", ["$.training.steps"]),
        ("\"steps\": 2000", "\"stepz\": 2000", ["$.training.steps", "$.training.stepz"]),
        ("\"seed\": 0", "\"seed\": -1", ["$.seed"]),
        ("\"seed\": 0", "\"sead\": 1, \"priority\": 1.5", ["$.sead", "$.priority"]),
        ("\"kind\": \"train\"", "\"kind\": \"trian\"", ["$.kind"]),
        ("\"kind\": \"train\", ", "", ["$.kind"]),
        ("\"resolution\": 28", "\"resolution\": 32", ["$.dataset.resolution"]),
        ("\"channels\": 1,", "\"channels\": 3,", ["$.dataset.channels"]),
        ("\"channels\": 1,", "\"channels\": 2,", ["$.dataset.channels"]),
        ("\"sample_size\": 28", "\"sample_size\": 30", ["$.model.sample_size", "$.dataset.resolution"]),
        ("[32, 64, 64]", "[32, 64, 65]", ["$.model.block_out_channels", "$.model.attention_head_dim"]),
        ("\"out_channels\": 1", "\"out_channels\": 2", ["$.model.out_channels"]),
        ("\"path\": \"shirts/\", ", "", ["$.dataset.path"]),
        ("\"architecture\": \"unet2d\", ", "", ["$.model"]),
        (
            "\"batch_size\": 64", "\"batch_size\": 0, \"validation_every\": 5",
            ["$.training.batch_size", "$.training.validation_every"]
        ),
        (
            "\"layers_per_block\": 1", "\"num_class_embeds\": 3, \"class_embed_type\": \"identity\"",
            ["$.model.num_class_embeds", "$.model.class_embed_type"]
        ),
        (
            "\"layers_per_block\": 1", "\"time_embedding_type\": \"learned\", \"num_train_timesteps\": 999",
            ["$.model.num_train_timesteps"]
        ),
        (
            "\"layers_per_block\": 1", "\"time_embedding_type\": \"fourier\"", ["$.model.time_embedding_type"]
        ),
        ("\"seed\": 0", "\"after\": [0, \"a b\", true, \"ok\"]", ["$.after[0]", "$.after[1]", "$.after[2]"]),
        (
            "\"seed\": 0",
            "\"time_limit\": \"soon\", \"not_before\": \"tomorrow\", \"resources\": {\"memory\": \"4 XB\", \"threads\": 0}",
            ["$.time_limit", "$.not_before", "$.resources.memory", "$.resources.threads"]
        ),
        ("\"shirts\"", "\"../etc\"", ["$.name"]), ("\"shirts\"", "\"42\"", ["$.name"]),
        ("\"shirts\"", "\"\"", ["$.name"]),
    ])
    func reportsEveryProblem(old: String, new: String, paths: [String]) throws {
        let problems = try #require(throws: Problems.self) {
            try decode(Self.train.replacing(old, with: new), "a.json")
        }
        #expect(Set(problems.all.map { $0.path ?? "" }) == Set(paths), "\(problems)")
        for problem in problems.all {
            #expect(problem.file == "a.json" && problem.line != nil && problem.remedy != nil)
        }
    }

    @Test func captionsAreNoClasses() throws {
        let text = """
            {"kind": "train", "training": {"steps": 1}, "dataset": {"format": "synthetic", "name": "captioned_shapes"},
             "model": {"architecture": "unet2d", "sample_size": 32, "block_out_channels": [32], "num_class_embeds": 3}}
            """
        let problems = try #require(throws: Problems.self) { try decode(text) }
        #expect(problems.all.map(\.path) == ["$.dataset.name"] && problems.all[0].remedy != nil, "\(problems)")
        let plain = text.replacing(", \"num_class_embeds\": 3", with: "")
        guard case .train(let job) = try decode(plain) else { return }
        #expect(job.dataset.images?.resolution == 32 && job.dataset.images?.channels == 3)
    }

    /// The last row of the class table becomes the null class of a training that drops classes.
    @Test func droppedClassesNeedANullClass() throws {
        func job(_ model: String, _ training: String) throws -> TrainJob? {
            let text = Self.train.replacing("\"layers_per_block\": 1", with: model)
                .replacing("\"steps\": 2000", with: "\"steps\": 2000\(training)")
            guard case .train(let job) = try decode(text) else { return nil }
            return job
        }
        let dropping = try #require(try job("\"num_class_embeds\": 4", ", \"class_dropout_prob\": 0.2"))
        #expect(dropping.model.classConditioning == .table(count: 3, null: 3))
        let guided = try #require(try job("\"num_class_embeds\": 4, \"null_class\": true", ""))
        #expect(guided.training.classDropoutProb == 0.1)
        #expect(try job("\"num_class_embeds\": 4", "")?.model.classConditioning == .table(count: 4, null: nil))
        #expect(try decode(JobSpec.train(dropping).json.text) == .train(dropping))
        for (model, training, path) in [
            ("\"layers_per_block\": 1", ", \"class_dropout_prob\": 0.2", "$.training.class_dropout_prob"),
            ("\"num_class_embeds\": 1", ", \"class_dropout_prob\": 0.2", "$.training.class_dropout_prob"),
            ("\"null_class\": true", "", "$.model.null_class"),
            ("\"num_class_embeds\": 4, \"null_class\": true", ", \"class_dropout_prob\": 0", "$.model.null_class"),
        ] {
            let problems = try #require(throws: Problems.self) { try job(model, training) }
            #expect(problems.all.map(\.path) == [path], "\(problems)")
        }
    }

    /// A learned variance needs outputs of its own.
    @Test func learnedVariances() throws {
        let learned = Self.train.replacing("\"loss\": \"mse\"", with: "\"variance_type\": \"learned_range\"")
        guard case .train(let job) = try decode(learned.replacing("\"out_channels\": 1,", with: "")) else { return }
        #expect(job.model.predictedChannels == 2)
        let problems = try #require(throws: Problems.self) { try decode(learned) }
        #expect(problems.all.map(\.path) == ["$.model.out_channels"])
        let points = try #require(throws: Problems.self) {
            try decode(
                Self.spiral.replacing(
                    "\"training\"", with: "\"diffusion\": {\"variance_type\": \"learned_range\"}, \"training\""))
        }
        #expect(points.all.map(\.path) == ["$.diffusion.variance_type"])
    }

    @Test(arguments: [
        ("\"mlp\"", "\"annotated_unet\"", "$.model.architecture"),
        ("\"mlp\"", "\"mlp\", \"data_dimension\": 3", "$.model.data_dimension"),
        ("\"spiral\"", "\"shapes\"", "$.model.architecture"),
        ("\"spiral\"", "\"spiral\", \"count\": 10, \"validation_split\": 10", "$.dataset.validation_split"),
        ("\"spiral\"", "\"spiral\", \"resolution\": 10", "$.dataset.resolution"),
        (
            "\"training\"", "\"diffusion\": {\"num_train_timesteps\": 1}, \"training\"",
            "$.diffusion.num_train_timesteps"
        ),
    ])
    func modelAndDataMustAgree(old: String, new: String, path: String) throws {
        let problems = try #require(throws: Problems.self) { try decode(Self.spiral.replacing(old, with: new)) }
        #expect(problems.all.map(\.path) == [path])
    }

    @Test(arguments: [
        ("\"class_labels\": [3], \"guidance_scale\": 1.0", "\"guidance_scale\": 2.5", ["$.guidance_scale"]),
        ("1.0", "1.0, \"guidance_rescale\": 0.5", ["$.guidance_rescale"]),
        ("1.0", "1.0, \"guidance_interval\": [0, 0.5]", ["$.guidance_interval"]),
        ("1.0", "3, \"guidance_interval\": [0.5, 0.5]", ["$.guidance_interval"]),
        ("1.0", "3, \"guidance_interval\": [0.5]", ["$.guidance_interval"]),
        ("\"shirts\"", "\"shi rts\"", ["$.model"]),
        ("\"shirts\"", "\"job:0\"", ["$.model"]),
        ("[3]", "[-1]", ["$.class_labels[0]"]), ("[3]", "[]", ["$.class_labels"]),
        ("\"count\": 16", "\"count\": 0", ["$.count"]),
        ("\"gif\"", "\"mp4\"", ["$.output.animation"]), ("\"philox\"", "\"mt\"", ["$.rng"]),
        ("\"model\": \"shirts\", ", "", ["$.model"]),
    ])
    func sampleJobsAreChecked(old: String, new: String, paths: [String]) throws {
        let problems = try #require(throws: Problems.self) { try decode(Self.sample.replacing(old, with: new)) }
        #expect(problems.all.map(\.path) == paths)
    }

    @Test func seriesSayHowManySamplesThereAre() throws {
        func job(_ text: String) throws -> SampleJob? {
            guard case .sample(let job) = try decode("{\"kind\": \"sample\", \"model\": \"m\", \(text)}") else {
                return nil
            }
            return job
        }
        #expect(try job("\"seeds\": [4, 5, 6]")?.count == 3)
        #expect(try job("\"interpolate\": {\"from_seed\": 1, \"to_seed\": 2, \"steps\": 5}")?.count == 5)
        let grid = try #require(
            try job(
                """
                "sweep": {"columns": {"key": "sampler.steps", "values": [5, 10]}, "rows": {"key": "seed", "values": [1, 2, 3]}},
                "rng": "torch"
                """))
        let cells = try #require(try grid.cells())
        #expect(cells.map(\.drawing.sampler.steps) == [5, 10, 5, 10, 5, 10])
        #expect(cells.map(\.common.seed) == [1, 1, 2, 2, 3, 3])
        #expect(cells.allSatisfy { $0.sweep == nil && $0.drawing.randomSource == .torch })
    }

    @Test(arguments: [
        ("\"seeds\": [1, 2], \"count\": 3", "$.count"), ("\"seeds\": []", "$.seeds"),
        ("\"interpolate\": {\"from_seed\": 1, \"to_seed\": 1}", "$.interpolate.to_seed"),
        ("\"seeds\": [1], \"interpolate\": {\"from_seed\": 1, \"to_seed\": 2}, \"count\": 1", "$.interpolate"),
        ("\"sweep\": {\"columns\": {\"key\": \"seed\", \"values\": [1]}}, \"count\": 2", "$.count"),
        ("\"sweep\": {\"columns\": {\"key\": \"model\", \"values\": [\"a\"]}}", "$.sweep.columns.key"),
        ("\"sweep\": {\"columns\": {\"key\": \"sampler.name.x\", \"values\": [1]}}", "$.sweep.columns.key"),
        ("\"sweep\": {\"columns\": {\"key\": \"sampler.steps\", \"values\": [0]}}", "$.sweep"),
        (
            "\"sweep\": {\"columns\": {\"key\": \"seed\", \"values\": [1]}, \"rows\": {\"key\": \"seed\", \"values\": [1]}}",
            "$.sweep.rows.key"
        ),
        ("\"sweep\": {\"columns\": {\"key\": \"guidance_scale\", \"values\": [2]}}", "$.sweep"),
    ])
    func seriesAreChecked(text: String, path: String) throws {
        let problems = try #require(throws: Problems.self) {
            try decode("{\"kind\": \"sample\", \"model\": \"m\", \(text)}")
        }
        let first = try #require(problems.all.first { $0.path == path }, "\(problems)")
        #expect(first.remedy != nil)
    }

    @Test(arguments: [
        ("0.6", "0", ["$.strength"]), ("0.6", "1.5", ["$.strength"]), ("0.6", "0.01", ["$.strength"]),
        ("\"image\": \"in.png\", ", "", ["$.image"]), ("\"in.png\"", "[]", ["$.image"]),
        ("\"in.png\"", "[3]", ["$.image[0]"]),
        ("\"mask\": \"mask.png\"", "\"mask_blur\": 3", ["$.mask_blur"]),
        ("\"mask\": \"mask.png\"", "\"jump_n_sample\": 3", ["$.jump_n_sample"]),
        ("\"mask\": \"mask.png\"", "\"mask\": \"mask.png\", \"mask_blur\": 1e-165", ["$.mask_blur"]),
        ("\"count\": 4", "\"guidance_scale\": 4", ["$.guidance_scale"]),
    ])
    func editingJobsAreChecked(old: String, new: String, paths: [String]) throws {
        let problems = try #require(throws: Problems.self) { try decode(Self.edit.replacing(old, with: new)) }
        #expect(problems.all.map(\.path) == paths, "\(problems)")
    }

    @Test func onlySamplersWithoutMemoryResample() throws {
        for name in SamplerName.allCases {
            let text = Self.edit.replacing("ddim", with: name.rawValue).replacing(
                "\"count\": 4", with: "\"jump_n_sample\": 3")
            let isFree = [.ddpm, .ddim, .euler, .eulerAncestral].contains(name)
            let problems: Problems?
            do throws(Problems) {
                _ = try JobSpec.decode(Array(text.utf8), fileName: "e.json")
                problems = nil
            } catch { problems = error }
            #expect(problems?.all.map(\.path) == (isFree ? nil : ["$.jump_n_sample"]))
        }
    }

    @Test func picturesAndMasksAreInputs() throws {
        let spec = try decode(Self.edit.replacing("\"in.png\"", with: "[\"a.png\", \"b\"]"))
        #expect(spec.inputs.map(\.role) == [.image, .image, .mask])
        #expect(spec.mapInputs { "/x/" + $0.path }.inputs.map(\.path) == ["/x/a.png", "/x/b", "/x/mask.png"])
    }

    @Test(arguments: [
        ("", "empty"), (" \n", "empty"), ("{\"kind\": \"train\"", "ends before"), ("[]", "an array"),
        ("{} {}", "after the end"),
        ("{\"kind\": \"sample\", \"kind\": \"train\"}", "occurs twice"),
    ])
    func refusesBrokenFiles(text: String, message: String) throws {
        let problems = try #require(throws: Problems.self) { try decode(text) }
        #expect(problems.all[0].message.contains(message), "\(problems)")
    }

    @Test func refusesHugeFiles() throws {
        let bytes = [UInt8](repeating: UInt8(ascii: " "), count: JobSpec.maximumFileSize + 1)
        let problems = try #require(throws: Problems.self) { try JobSpec.decode(bytes, fileName: "big.json") }
        #expect(problems.all[0].message.contains("1048577 bytes"))
    }

    @Test(arguments: [
        ("shirts.json", "shirts"), ("ü.json", "ü"), ("a.b", "a.b"), ("кошки.json", "кошки"), ("песик.json", "песик"),
        ("子猫.json", "子猫"), ("बिल्ली.json", "बिल्ली"), ("قطط", "قطط"), ("u\u{308}.json", "\u{FC}"),
    ])
    func jobsAreNamedAfterTheirFile(fileName: String, name: String) throws {
        let decoded = try decode(Self.spiral, fileName).name
        #expect(decoded == name && JobName.isValid(name) && decoded.utf8.elementsEqual(name.utf8))
    }

    /// What a name cannot hold is replaced, and told apart by a checksum.
    @Test func differentFilesGiveDifferentNames() throws {
        let files = [
            "my shirt (2)", "my shirt (3)", "my_shirt (2)", "42", "job-42", "😀", "😃", " ", "a\u{202E}b", "a\u{200B}b",
            "\u{301}a", "-a", "--a", String(repeating: "x", count: 80), String(repeating: "x", count: 81),
            String(repeating: "ж", count: 40), String(repeating: "ж", count: 41), "a/b", "a\nb", "ㅤ",
        ]
        let names = files.map { JobName.from(fileName: $0 + ".json") }
        #expect(Set(names).count == files.count, "\(names)")
        for name in names {
            #expect(JobName.isValid(name) && name.utf8.count <= JobName.maximumLength, "\(name)")
            #expect(JobReference("job:" + name) == .name(name))
        }
    }

    @Test func seedsHave64Bits() throws {
        let text = Self.spiral.replacing("{\"kind\"", with: "{\"seed\": 18446744073709551615, \"kind\"")
        let spec = try decode(text)
        #expect(spec.common.seed == .max)
        #expect(try decode(spec.json.text).common.seed == .max)
        for (value, shown) in [
            ("18446744073709551616", "1.8446744073709552e+19"), ("-1", "-1"), ("1e308", "1e+308"),
        ] {
            let text = Self.spiral.replacing("{\"kind\"", with: "{\"seed\": \(value), \"kind\"")
            let problems = try #require(throws: Problems.self) { try decode(text) }
            #expect(problems.all.map(\.message) == ["seed is \(shown), outside 0 to 18446744073709551615"])
        }
        let problems = try #require(throws: Problems.self) {
            try decode(Self.spiral.replacing("{\"kind\"", with: "{\"retries\": \"many\", \"kind\""))
        }
        #expect(problems.all.first?.remedy == "Give a whole number from 0 to 100.")
    }

    @Test func readsQuantities() throws {
        let common = """
            "time_limit": "1d12h", "not_before": "2025-01-31T22:00:00.5+01:00", "resources": {"memory": "4GiB", "threads": 2},
            "after": [7, "first"], "hold": true, "priority": -3, "retries": 0, "seed": 9, "kind"
            """
        let spec = try decode(Self.spiral.replacing("\"kind\"", with: common))
        #expect(
            spec.common.timeLimit == 129_600 && spec.common.resources.memory == 4 << 30
                && spec.common.resources.threads == 2)
        #expect(spec.common.after == [.id(7), .name("first")] && spec.common.hold && spec.common.priority == -3)
        #expect(spec.common.notBefore == Date(timeIntervalSince1970: 1_738_357_200.5))
        #expect(try decode(spec.json.text) == spec)
    }

    @Test(arguments: [
        ("shirts", ModelReference.published("shirts")), ("job:42", .jobID(42)), ("job:shirts", .jobName("shirts")),
        ("./m", .path("./m")), ("/a/b", .path("/a/b")), ("models/x", .path("models/x")),
    ])
    func readsModelReferences(text: String, reference: ModelReference) {
        #expect(ModelReference(text) == reference && reference.description == text)
    }

    @Test func inputsCanBeReplaced() throws {
        let spec = try decode(Self.train)
        #expect(spec.inputs == [JobInput(role: .datasetPath, path: "shirts/")])
        let moved = spec.mapInputs { "/data/" + $0.path }
        #expect(moved.inputs.map(\.path) == ["/data/shirts/"])
        #expect(try decode(Self.sample).inputs.isEmpty)
    }
}
