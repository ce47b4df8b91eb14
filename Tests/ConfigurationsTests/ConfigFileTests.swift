import Configurations
import Problems
import StrictJSON
import Testing

/// Reading and writing of other programs' `config.json` and `scheduler_config.json`.
@Suite struct ConfigFileTests {
    /// What diffusers 0.35 writes for `UNet2DModel(sample_size=28, in_channels=1, ...)`.
    private let unet = """
        {
          "_class_name": "UNet2DModel", "_diffusers_version": "0.35.1", "act_fn": "silu", "add_attention": true,
          "attention_head_dim": 8, "attn_norm_num_groups": null, "block_out_channels": [32, 64, 64],
          "center_input_sample": false, "class_embed_type": null, "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D"],
          "downsample_padding": 1, "downsample_type": "conv", "dropout": 0.0, "flip_sin_to_cos": true, "freq_shift": 0,
          "in_channels": 1, "layers_per_block": 1, "mid_block_scale_factor": 1, "mid_block_type": "UNetMidBlock2D",
          "norm_eps": 1e-05, "norm_num_groups": 32, "num_class_embeds": null, "num_train_timesteps": null, "out_channels": 1,
          "resnet_time_scale_shift": "default", "sample_size": [28, 28], "time_embedding_dim": null,
          "time_embedding_type": "positional", "up_block_types": ["UpBlock2D", "AttnUpBlock2D", "UpBlock2D"], "upsample_type": "conv"
        }
        """

    @Test func readsWhatDiffusersWrites() throws {
        let (model, warnings) = try ModelConfiguration.read(config: Array(unet.utf8), file: "config.json")
        guard let configuration = model.network as? UNet2DConfiguration else {
            Issue.record("\(model) is no UNet2DModel")
            return
        }
        #expect(warnings.isEmpty)
        #expect(
            configuration.blockOutChannels == [32, 64, 64]
                && configuration.downBlockTypes == [.plain, .attention, .plain])
        #expect(configuration.normEps == 1e-5 && configuration.midBlockScaleFactor == 1)
        #expect(model.sampleShape == .image(ImageSize(28), channels: 1) && configuration.timeEmbeddingWidth == 128)
    }

    @Test func writesEveryKeyAndReadsItBack() throws {
        let (model, _) = try ModelConfiguration.read(config: Array(unet.utf8))
        let written = model.config(diffusersVersion: "0.35.1")
        let names = Set(try JSONNode.parse(Array(unet.utf8)).members?.map(\.name) ?? [])
        #expect(Set(written.members?.map(\.name) ?? []) == names)
        #expect(try ModelConfiguration.read(config: Array(written.text.utf8)).configuration == model)
    }

    /// The one key that is not diffusers' is there only where it says something.
    @Test func aNullClassIsWritten() throws {
        let text = unet.replacing("\"num_class_embeds\": null", with: "\"num_class_embeds\": 11, \"null_class\": true")
        let (model, warnings) = try ModelConfiguration.read(config: Array(text.utf8))
        #expect(warnings.isEmpty && model.classConditioning == .table(count: 10, null: 10))
        let written = model.config(diffusersVersion: "0.35.1")
        #expect(written["null_class"]?.bool == true && written["num_class_embeds"]?.integer == 11)
        #expect(try ModelConfiguration.read(config: Array(written.text.utf8)).configuration == model)
    }

    @Test func absentKeysTakeTheDefaultsOfTheClass() throws {
        let (model, _) = try ModelConfiguration.read(config: Array("{\"_class_name\": \"UNet2DModel\"}".utf8))
        #expect(model == ModelConfiguration(UNet2DConfiguration()) && model.sampleShape == nil)
    }

    @Test(arguments: [
        ("{}", "$._class_name", Problem.Code.invalid), ("{\"_class_name\": \"UNet3D\"}", "$._class_name", .unsupported),
        ("{\"_class_name\": 3}", "$._class_name", .invalid),
        (
            "{\"_class_name\": \"UNet2DModel\", \"time_embedding_type\": \"gaussian\"}", "$.time_embedding_type",
            .invalid
        ),
        ("{\"_class_name\": \"UNet2DModel\", \"time_embedding_type\": \"learned\"}", "$.num_train_timesteps", .invalid),
        ("{\"_class_name\": \"MLPDenoiser\", \"hidden_size\": 0}", "$.hidden_size", .invalid),
    ])
    func refuses(text: String, path: String, code: Problem.Code) throws {
        let problems = try #require(throws: Problems.self) {
            try ModelConfiguration.read(config: Array(text.utf8), file: "unet/config.json")
        }
        #expect(problems.all.map(\.path) == [path] && problems.all[0].code == code)
        #expect(problems.all[0].file == "unet/config.json" && problems.all[0].remedy != nil)
    }

    @Test func unknownKeysWarn() throws {
        let (_, warnings) = try ModelConfiguration.read(
            config: Array("{\"_class_name\": \"AnnotatedUNet\", \"glow\": 1}".utf8))
        #expect(warnings.map(\.path) == ["$.glow"])
    }

    @Test func schedulersKeepTheKeysOfTheirClass() throws {
        let scheduler = SchedulerConfiguration()
        let ddpm = scheduler.config(.ddpm, diffusersVersion: "0.35.1")
        let ddim = scheduler.config(.ddim, diffusersVersion: "0.35.1")
        #expect(ddpm["variance_type"] == "fixed_small" && ddpm["set_alpha_to_one"] == nil)
        #expect(ddim["variance_type"] == nil && ddim["set_alpha_to_one"] == true)
        let (read, named, warnings) = try SchedulerConfiguration.read(config: Array(ddim.text.utf8))
        #expect(read == scheduler.converted(to: .ddim) && named == .ddim && warnings.isEmpty)
    }

    /// Every class of diffusers that is known: absent keys take its defaults, and what it is written as reads back the same.
    @Test(arguments: SamplerName.allCases)
    func schedulersOfEveryClass(_ name: SamplerName) throws {
        let text = "{\"_class_name\": \"\(name.className)\"}"
        let (read, named, warnings) = try SchedulerConfiguration.read(config: Array(text.utf8))
        #expect(named == name && read.sampler == name && warnings.isEmpty)
        let written = read.config(name, diffusersVersion: "0.42.1")
        #expect(try SchedulerConfiguration.read(config: Array(written.text.utf8)).configuration == read)
        let isOfDDPM = [.ddpm, .ddim, .pndm].contains(name)
        #expect(read.timestepSpacing == (isOfDDPM ? .leading : .linspace))
        #expect(read.betaEnd == ([.heun, .dpmppSDE].contains(name) ? 0.012 : 0.02))
    }

    @Test func readsWhatDiffusersWritesForDPMSolver() throws {
        let text = """
            {
              "_class_name": "DPMSolverMultistepScheduler", "_diffusers_version": "0.42.1", "algorithm_type": "sde-dpmsolver++",
              "lambda_min_clipped": -Infinity, "flow_shift": 1.0, "use_flow_sigmas": false, "variance_type": null,
              "solver_type": "logrho", "use_karras_sigmas": true, "clip_sample": false
            }
            """
        let (read, _, warnings) = try SchedulerConfiguration.read(config: Array(text.utf8))
        #expect(read.solver.algorithmType == .sdeDPMSolverPlusPlus && read.solver.lambdaMinClipped == nil)
        #expect(read.solver.solverType == .midpoint && read.solver.useKarrasSigmas)
        #expect(warnings.map(\.path) == ["$.clip_sample"])
        let problems = try #require(throws: Problems.self) {
            try SchedulerConfiguration.read(
                config: Array(text.replacing("sigmas\": false", with: "sigmas\": true").utf8))
        }
        #expect(problems.all.map(\.path) == ["$.use_flow_sigmas"] && problems.all[0].code == .unsupported)
    }

    /// What both classes have is kept; what the other one lacks takes its default.
    @Test func schedulersAreConverted() throws {
        var ddpm = SchedulerConfiguration()
        (ddpm.clipSample, ddpm.predictionType, ddpm.betaEnd) = (false, .vPrediction, 0.5)
        let heun = ddpm.converted(to: .heun)
        #expect(!heun.clipSample && heun.predictionType == .vPrediction && heun.betaEnd == 0.5)
        #expect(heun.timestepSpacing == .leading && heun.sampler == .heun)
        var solver = heun.converted(to: .dpmpp2M)
        (solver.solver.useKarrasSigmas, solver.solver.solverOrder, solver.solver.solverType) = (true, 3, .heun)
        let unipc = solver.converted(to: .unipc)
        #expect(unipc.solver.useKarrasSigmas && unipc.solver.solverOrder == 3 && unipc.solver.solverType == .bh2)
        #expect(!solver.converted(to: .pndm).setAlphaToOne && !solver.converted(to: .pndm).solver.useKarrasSigmas)
    }

    @Test func schedulersAreChecked() throws {
        let text =
            "{\"_class_name\": \"DDPMScheduler\", \"num_train_timesteps\": 3, \"trained_betas\": [0.1, 0.2], \"beta_end\": 1.5}"
        let problems = try #require(throws: Problems.self) { try SchedulerConfiguration.read(config: Array(text.utf8)) }
        #expect(problems.all.map(\.path) == ["$.trained_betas", "$.beta_end"])
    }
}
