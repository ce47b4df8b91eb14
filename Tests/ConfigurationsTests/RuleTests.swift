import Configurations
import Problems
import StrictJSON
import Testing

/// Rules between keys: each row changes one or two keys of a good object and names the key that is then reported.
@Suite struct RuleTests {
    private func problems<Value: Described>(_ type: Value.Type, _ text: String) throws -> [Problem] {
        var report = Report()
        _ = Value.read(try JSONNode.parse(Array(text.utf8)), into: &report)
        return report.problems
    }

    @Test(arguments: [
        (
            "{\"block_out_channels\": [30, 64], \"sample_size\": 28}", "$.block_out_channels",
            "30, which norm_num_groups 32"
        ),
        (
            "{\"block_out_channels\": [32, 64], \"norm_num_groups\": 5}", "$.block_out_channels",
            "32, which norm_num_groups 5"
        ),
        ("{\"block_out_channels\": [32, 64, 64], \"sample_size\": 30}", "$.sample_size", "30x30"),
        ("{\"block_out_channels\": [32, 64, 64], \"sample_size\": [32, 30]}", "$.sample_size", "32x30"),
        (
            "{\"block_out_channels\": [32], \"down_block_types\": [\"DownBlock2D\", \"DownBlock2D\"], \"up_block_types\": [\"UpBlock2D\"]}",
            "$.down_block_types", "2 entries but block_out_channels has 1"
        ),
        ("{\"attention_head_dim\": 5}", "$.attention_head_dim", "does not divide"),
        ("{\"attn_norm_num_groups\": 5}", "$.attn_norm_num_groups", "does not divide"),
        ("{\"class_embed_type\": \"timestep\", \"num_class_embeds\": 3}", "$.num_class_embeds", "no meaning"),
        (
            "{\"block_out_channels\": [16384, 16384], \"layers_per_block\": 32}", "$.block_out_channels",
            "million parameters"
        ),
        (
            "{\"block_out_channels\": [3], \"norm_num_groups\": 1, \"attention_head_dim\": null}",
            "$.block_out_channels", "pairs"
        ),
        ("{\"down_block_types\": [\"CrossAttnDownBlock2D\"]}", "$.down_block_types[0]", "not known"),
        ("{\"block_out_channels\": []}", "$.block_out_channels", "0 elements"),
        ("{\"in_channels\": 0}", "$.in_channels", "outside 1 to 1024"),
    ])
    func unet2d(text: String, path: String, message: String) throws {
        let found = try problems(UNet2DConfiguration.self, text)
        #expect(found.contains { $0.path == path && $0.message.contains(message) }, "\(found)")
        #expect(found.allSatisfy { $0.remedy != nil })
    }

    @Test(arguments: [
        ("\"horizontal_flip\": true", "$.horizontal_flip"), ("\"channels\": 1", "$.channels"),
        ("\"resolution\": 15", "$.resolution"), ("\"frames\": 3", "$.frames"),
    ])
    func captionedShapes(key: String, path: String) throws {
        let (name, type) = ("{\"name\": \"captioned_shapes\"", SyntheticDatasetConfiguration.self)
        let found = try problems(type, "\(name), \(key)}")
        #expect(found.map(\.path) == [path] && found[0].remedy != nil, "\(found)")
        #expect(try problems(type, "\(name), \"resolution\": 16, \"channels\": 3}").isEmpty)
    }

    @Test func unet2dDefaultsAreThoseOfDiffusers() throws {
        #expect(try problems(UNet2DConfiguration.self, "{}").isEmpty)
        #expect(UNet2DConfiguration().blockOutChannels == [224, 448, 672, 896])
    }

    @Test(arguments: [
        ("{\"block_out_channels\": [32, 64, 64]}", [UNet2DConfiguration.DownBlock.plain, .plain, .plain]),
        ("{\"block_out_channels\": [32, 64, 64, 64]}", [.plain, .attention, .attention, .attention]),
        (
            "{\"block_out_channels\": [32, 64], \"up_block_types\": [\"AttnUpBlock2D\", \"UpBlock2D\"]}",
            [.plain, .attention]
        ),
    ])
    func blockTypesFollowTheLevels(text: String, down: [UNet2DConfiguration.DownBlock]) throws {
        var report = Report()
        let unet = try #require(UNet2DConfiguration.read(try JSONNode.parse(Array(text.utf8)), into: &report))
        #expect(report.problems.isEmpty && unet.downBlockTypes == down)
        #expect(unet.upBlockTypes.map { $0 == .attention } == down.reversed().map { $0 == .attention })
    }

    @Test(arguments: [
        ("{\"dim\": 28, \"block_type\": \"resnet\"}", "$.groups"), ("{\"sample_size\": 30}", "$.sample_size"),
        ("{\"dim\": 27}", "$.dim"),
        ("{\"dim\": 8192, \"dim_mults\": [64, 64]}", "$.dim"), ("{\"dim_mults\": [0]}", "$.dim_mults[0]"),
    ])
    func annotatedUNet(text: String, path: String) throws {
        #expect(try problems(AnnotatedUNetConfiguration.self, text).map(\.path) == [path])
        #expect(try problems(AnnotatedUNetConfiguration.self, "{}").isEmpty)
        #expect(try problems(AnnotatedUNetConfiguration.self, "{\"dim\": 32, \"block_type\": \"resnet\"}").isEmpty)
    }

    @Test(arguments: [
        ("{\"steps\": 1, \"epochs\": 1}", "$.epochs"), ("{}", "$.steps"),
        ("{\"steps\": 5, \"warmup_steps\": 5}", "$.warmup_steps"),
        ("{\"steps\": 5, \"momentum\": 0.9}", "$.momentum"),
        ("{\"steps\": 5, \"optimizer\": \"sgd\", \"adam_beta1\": 0.5}", "$.adam_beta1"),
        ("{\"steps\": 5, \"ema_decay\": 1}", "$.ema_decay"),
        ("{\"steps\": 5, \"learning_rate\": 0}", "$.learning_rate"),
        ("{\"steps\": 5, \"ema_decay\": null, \"save_raw_weights\": true}", "$.save_raw_weights"),
        ("{\"steps\": 5, \"optimizer\": \"adamW2\"}", "$.optimizer"), ("{\"steps\": 0}", "$.steps"),
    ])
    func training(text: String, path: String) throws {
        #expect(try problems(TrainingOptions.self, text).map(\.path) == [path])
    }

    @Test(arguments: [
        ("{\"steps\": 5, \"optimizer\": \"muon\", \"adam_beta2\": 0.98}", 0.95),
        ("{\"steps\": 5, \"optimizer\": \"muon\", \"momentum\": 0}", 0),
        ("{\"steps\": 5, \"optimizer\": \"sgd\"}", 0), ("{\"steps\": 5}", 0),
    ])
    func momentum(text: String, expected: Double) throws {
        var report = Report()
        let options = try #require(TrainingOptions.read(try JSONNode.parse(Array(text.utf8)), into: &report))
        #expect(report.problems.isEmpty && options.momentum == expected)
    }

    @Test func zeroMeansNever() throws {
        var report = Report()
        let text =
            "{\"steps\": 5, \"ema_decay\": 0, \"sample_every\": 0, \"validation_every\": 0, \"max_grad_norm\": null}"
        let options = try #require(TrainingOptions.read(try JSONNode.parse(Array(text.utf8)), into: &report))
        #expect(
            options.emaDecay == nil && options.sampleEvery == nil && options.validationEvery == nil
                && options.maxGradNorm == nil)
    }

    @Test(arguments: [
        ("{\"huber_delta\": 0.5}", "$.huber_delta"), ("{\"rescale_betas_zero_snr\": true}", "$.rescale_betas_zero_snr"),
        ("{\"steps_offset\": 1000}", "$.steps_offset"), ("{\"beta_start\": 0}", "$.beta_start"),
        ("{\"snr_gamma\": 0}", "$.snr_gamma"),
        ("{\"variance_type\": \"learned\"}", "$.variance_type"), ("{\"solver_order\": 2}", "$.solver_order"),
    ])
    func diffusion(text: String, path: String) throws {
        #expect(try problems(DiffusionOptions.self, text).map(\.path) == [path])
        #expect(try problems(DiffusionOptions.self, "{\"loss\": \"l2\", \"beta_schedule\": \"geometric\"}").isEmpty)
    }

    @Test(arguments: [
        ("{\"name\": \"ddpm\", \"eta\": 0.5}", "$.eta"),
        ("{\"name\": \"ddim\", \"variance_type\": \"fixed_large\"}", "$.variance_type"),
        ("{\"eta\": 1.5}", "$.eta"), ("{\"steps\": 0}", "$.steps"), ("{\"name\": \"plms\"}", "$.name"),
        ("{\"clip_sample\": 1}", "$.clip_sample"), ("{\"beta_start\": 0.1}", "$.beta_start"),
        ("{\"name\": \"euler\", \"clip_sample\": true}", "$.clip_sample"),
        (
            "{\"name\": \"dpmpp_2m\", \"use_karras_sigmas\": true, \"use_lu_lambdas\": true}", "$.use_lu_lambdas"
        ),
        ("{\"name\": \"unipc\", \"solver_type\": \"midpoint\"}", "$.solver_type"),
        ("{\"name\": \"unipc\", \"lower_order_final\": false}", "$.lower_order_final"),
        ("{\"name\": \"euler\", \"sigma_min\": 2, \"sigma_max\": 1}", "$.sigma_min"),
        ("{\"name\": \"dpmpp_2m\", \"algorithm_type\": \"dpmsolver\"}", "$.final_sigmas_type"),
        (
            "{\"name\": \"dpmpp_2m\", \"algorithm_type\": \"sde-dpmsolver\", \"solver_order\": 3, \"final_sigmas_type\": \"sigma_min\"}",
            "$.solver_order"
        ),
    ])
    func sampler(text: String, path: String) throws {
        #expect(try problems(SamplerOptions.self, text).map(\.path) == [path])
    }

    /// Schedules that leave nothing to divide by in 32 bits, and betas that are none.
    @Test(arguments: [
        ("{\"beta_end\": 0.35}", "$.beta_end", "no signal"),
        ("{\"num_train_timesteps\": 20000}", "$.num_train_timesteps", "no signal"),
        ("{\"num_train_timesteps\": 20000, \"rescale_betas_zero_snr\": true}", "$.num_train_timesteps", "no signal"),
        ("{\"beta_end\": 1e-37}", "$.beta_end", "beta 0.0 at timestep 999"),
        ("{\"num_train_timesteps\": 3, \"trained_betas\": [0.1, 1, 0.2]}", "$.trained_betas", "beta 1.0 at timestep 1"),
        ("{\"sigma_min\": 1e-300, \"use_karras_sigmas\": true}", "$.sigma_min", "out of range"),
    ])
    func schedulesKeepSomeSignal(text: String, path: String, message: String) throws {
        let found = try problems(SchedulerConfiguration.self, text)
        #expect(found.contains { $0.path == path && $0.message.contains(message) }, "\(found)")
        #expect(found.count == 1 && found.allSatisfy { $0.remedy != nil })
    }

    @Test(arguments: [
        "{}", "{\"rescale_betas_zero_snr\": true}", "{\"beta_schedule\": \"squaredcos_cap_v2\"}",
        "{\"num_train_timesteps\": 100000, \"beta_schedule\": \"squaredcos_cap_v2\"}",
        "{\"num_train_timesteps\": 3, \"trained_betas\": [0.1, 0.2, 1]}",
        "{\"beta_schedule\": \"scaled_linear\", \"beta_start\": 0.00085, \"beta_end\": 0.012}",
    ])
    func usualSchedulesAreAllowed(text: String) throws {
        #expect(try problems(SchedulerConfiguration.self, text).isEmpty)
    }

    @Test func samplersOverrideTheScheduler() throws {
        var report = Report()
        let text =
            "{\"name\": \"ddpm\", \"clip_sample\": false, \"timestep_spacing\": \"trailing\", \"variance_type\": \"fixed_large\"}"
        let sampler = try #require(SamplerOptions.read(try JSONNode.parse(Array(text.utf8)), into: &report))
        var expected = SchedulerConfiguration()
        (expected.clipSample, expected.timestepSpacing, expected.varianceType) = (false, .trailing, .fixedLarge)
        let settled = try SettledSampler(sampler, usual: .plain, over: SchedulerConfiguration())
        #expect(settled.scheduler == expected && settled.options == sampler && sampler.steps == nil)
        #expect(try SamplerOptions.read(JSONNode.parse(Array(sampler.json.text.utf8)), into: &report) == sampler)
        #expect(report.problems.isEmpty)
    }

    @Test(arguments: [("0", ValidationSplit.none), ("0.25", .fraction(0.25)), ("10", .count(10))])
    func validationSplit(text: String, expected: ValidationSplit) throws {
        var report = Report()
        let node = try JSONNode.parse(
            Array("{\"format\": \"cifar10\", \"path\": \"c\", \"validation_split\": \(text)}".utf8))
        let dataset = try #require(DatasetConfiguration.form.read(node, .root, &report))
        #expect(
            dataset.validationSplit == expected
                && DatasetConfiguration.form.write(dataset)["validation_split"]?.number == Double(text))
        #expect(ValidationSplit.fraction(0.25).count(of: 10) == 3 && ValidationSplit.none.count(of: 9) == 0)
    }
}
