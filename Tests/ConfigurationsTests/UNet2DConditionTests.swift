import Configurations
import Problems
import StrictJSON
import Testing

/// U-Nets that attend to a text: their files, rules and costs.
@Suite struct UNet2DConditionTests {
    /// As diffusers 0.42 writes Stable Diffusion XL's.
    private static let xl = """
        {
          "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.42.1", "act_fn": "silu",
          "addition_embed_type": "text_time",
          "addition_embed_type_num_heads": 64, "addition_time_embed_dim": 256, "attention_head_dim": [5, 10, 20],
          "attention_type": "default", "block_out_channels": [320, 640, 1280], "center_input_sample": false,
          "class_embed_type": null, "class_embeddings_concat": false, "conv_in_kernel": 3, "conv_out_kernel": 3,
          "cross_attention_dim": 2048, "cross_attention_norm": null,
          "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"], "downsample_padding": 1,
          "dropout": 0.0, "dual_cross_attention": false, "encoder_hid_dim": null, "encoder_hid_dim_type": null,
          "flip_sin_to_cos": true, "freq_shift": 0, "in_channels": 4, "layers_per_block": 2,
          "mid_block_only_cross_attention": null, "mid_block_scale_factor": 1,
          "mid_block_type": "UNetMidBlock2DCrossAttn",
          "norm_eps": 1e-05, "norm_num_groups": 32, "num_attention_heads": null, "num_class_embeds": null,
          "only_cross_attention": false, "out_channels": 4, "projection_class_embeddings_input_dim": 2816,
          "resnet_out_scale_factor": 1.0, "resnet_skip_time_act": false, "resnet_time_scale_shift": "default",
          "reverse_transformer_layers_per_block": null, "sample_size": 128, "time_cond_proj_dim": null,
          "time_embedding_act_fn": null, "time_embedding_dim": null, "time_embedding_type": "positional",
          "timestep_post_act": null, "transformer_layers_per_block": [1, 2, 10],
          "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], "upcast_attention": null,
          "use_linear_projection": true
        }
        """

    private func read(_ text: String) throws -> UNet2DConditionConfiguration {
        let (model, warnings) = try ModelConfiguration.read(config: Array(text.utf8))
        #expect(warnings.isEmpty)
        return try #require(model.network as? UNet2DConditionConfiguration)
    }

    private func problems(_ text: String) throws -> [Problem] {
        var report = Report()
        _ = UNet2DConditionConfiguration.read(try JSONNode.parse(Array(text.utf8)), into: &report)
        return report.problems
    }

    @Test func everyKeyOfDiffusersIsReadAndWritten() throws {
        let configuration = try read(Self.xl)
        let written = configuration.config(diffusersVersion: "0.42.1")
        let names = Set(try JSONNode.parse(Array(Self.xl.utf8)).members?.map(\.name) ?? [])
        #expect(Set(written.members?.map(\.name) ?? []) == names)
        #expect(try read(written.text) == configuration)
        #expect(configuration.attentionHeadDim[2] == 20 && configuration.transformerLayersPerBlock[1] == 2)
        #expect(configuration.sampleShape == .image(ImageSize(128), channels: 4) && configuration.contextWidth == 2048)
        #expect(configuration.pooledTextWidth(besideNumbers: 6) == 1280)
        #expect(configuration.pooledTextWidth(besideNumbers: 11) == nil)
    }

    @Test func listsAndNumbersKeepTheirForm() throws {
        let text = """
            {"_class_name": "FlaxUNet2DConditionModel", "attention_head_dim": [8, 8, 8, 8], "layers_per_block": 2,
             "only_cross_attention": [true, true, true, false], "cross_attention_dim": [768, 768, 768, 768]}
            """
        let written = try read(text).config(diffusersVersion: "0.42.1")
        #expect(written["_class_name"] == "UNet2DConditionModel")
        #expect(written["attention_head_dim"] == [8, 8, 8, 8] && written["layers_per_block"] == 2)
        #expect(written["only_cross_attention"] == [true, true, true, false])
        #expect(written["transformer_layers_per_block"] == 1)
    }

    @Test func absentKeysTakeTheDefaultsOfTheClass() throws {
        let configuration = try read("{\"_class_name\": \"UNet2DConditionModel\"}")
        #expect(configuration == UNet2DConditionConfiguration() && configuration.sampleShape == nil)
        #expect(configuration.cost == nil && configuration.classConditioning == .none)
        #expect(configuration.contextWidth == 1280 && UNet2DConfiguration().contextWidth == nil)
    }

    @Test func whatIsJoinedIsNoPartOfASample() throws {
        var configuration = UNet2DConditionConfiguration()
        (configuration.inChannels, configuration.numClassEmbeds, configuration.sampleSize) = (7, 1000, ImageSize(128))
        #expect(configuration.joinedChannels == 3 && ModelConfiguration(configuration).channels == 4)
        #expect(configuration.sampleShape == .image(ImageSize(128), channels: 4))
        #expect(configuration.classConditioning == .table(count: 1000, null: nil))
    }

    /// A key whose value would make another network is refused by its name.
    @Test(arguments: [
        "\"center_input_sample\": true", "\"mid_block_type\": null",
        "\"mid_block_type\": \"UNetMidBlock2DSimpleCrossAttn\"",
        "\"downsample_padding\": 0", "\"reverse_transformer_layers_per_block\": [1, 1, 1, 1]",
        "\"encoder_hid_dim\": 1024",
        "\"encoder_hid_dim_type\": \"text_proj\"", "\"num_attention_heads\": 8", "\"dual_cross_attention\": true",
        "\"class_embed_type\": \"projection\"", "\"resnet_skip_time_act\": true", "\"resnet_out_scale_factor\": 1.5",
        "\"time_embedding_type\": \"fourier\"", "\"time_embedding_act_fn\": \"silu\"",
        "\"timestep_post_act\": \"silu\"",
        "\"time_cond_proj_dim\": 256", "\"attention_type\": \"gated\"", "\"class_embeddings_concat\": true",
        "\"cross_attention_norm\": \"group_norm\"",
    ])
    func refusesByName(member: String) throws {
        let key = member.split(separator: "\"")[0]
        let found = try problems("{\(member)}")
        #expect(found.map(\.path) == ["$.\(key)"] && found[0].code == .unsupported)
        #expect(found[0].message.contains("\(key) is") && found[0].remedy?.contains("\(key) is") == true)
    }

    @Test(arguments: [
        (
            "\"down_block_types\": [\"KDownBlock2D\", \"DownBlock2D\", \"DownBlock2D\", \"DownBlock2D\"]",
            "$.down_block_types[0]"
        ),
        (
            "\"down_block_types\": [\"DownBlock2D\"], "
                + "\"up_block_types\": [\"UpBlock2D\", \"UpBlock2D\", \"UpBlock2D\", \"UpBlock2D\"]",
            "$.down_block_types"
        ), ("\"addition_embed_type\": \"image\"", "$.addition_embed_type"),
        ("\"attention_head_dim\": [8, 8]", "$.attention_head_dim"),
        ("\"attention_head_dim\": 7", "$.attention_head_dim"),
        ("\"layers_per_block\": [2, 2, 2]", "$.layers_per_block"), ("\"layers_per_block\": []", "$.layers_per_block"),
        ("\"transformer_layers_per_block\": [1, [1, 2], 3, 4]", "$.transformer_layers_per_block[1]"),
        ("\"cross_attention_dim\": [768, 768, 768, 1024]", "$.cross_attention_dim"),
        ("\"only_cross_attention\": 1", "$.only_cross_attention"), ("\"norm_num_groups\": 48", "$.block_out_channels"),
        ("\"in_channels\": 3", "$.in_channels"), ("\"conv_in_kernel\": 4", "$.conv_in_kernel"),
        ("\"addition_time_embed_dim\": 256", "$.addition_time_embed_dim"),
        (
            "\"addition_embed_type\": \"text_time\", \"addition_time_embed_dim\": 256",
            "$.projection_class_embeddings_input_dim"
        ),
        (
            "\"addition_embed_type\": \"text_time\", \"addition_time_embed_dim\": 256, "
                + "\"projection_class_embeddings_input_dim\": 256",
            "$.projection_class_embeddings_input_dim"
        ),
        ("\"transformer_layers_per_block\": 64", "$.block_out_channels"),
        (
            "\"block_out_channels\": [16384, 16384, 16384, 16384, 16384, 16384, 16384, 16384], "
                + "\"layers_per_block\": 32, \"transformer_layers_per_block\": 64",
            "$.block_out_channels"
        ),
    ])
    func refuses(members: String, path: String) throws {
        let found = try problems("{\(members)}")
        #expect(Set(found.map(\.path)) == [path] && found.allSatisfy { $0.remedy != nil }, "\(found)")
    }

    @Test func allProblemsAreTold() throws {
        let found = try problems(
            """
            {"norm_num_groups": 48, "attention_head_dim": [7, 8, 8], "in_channels": 1, "dual_cross_attention": true,
             "addition_embed_type": "text_time"}
            """)
        #expect(
            Set(found.map(\.path)) == [
                "$.block_out_channels", "$.attention_head_dim", "$.in_channels", "$.dual_cross_attention",
                "$.addition_time_embed_dim", "$.projection_class_embeddings_input_dim",
            ])
    }

    @Test func blockTypesFollowTheLevels() throws {
        let two = try read("{\"_class_name\": \"UNet2DConditionModel\", \"block_out_channels\": [32, 64]}")
        #expect(two.downBlockTypes == [.attention, .plain] && two.upBlockTypes == [.plain, .attention])
        let given = try read(
            """
            {"_class_name": "UNet2DConditionModel", "block_out_channels": [32, 64],
             "up_block_types": ["CrossAttnUpBlock2D", "UpBlock2D"]}
            """)
        #expect(given.downBlockTypes == [.plain, .attention])
    }

    /// Products of a convolution and of a transformer by hand: 2 x 2 pixels, one level of one channel for each head.
    @Test func countsMultiplyAdds() throws {
        var c = UNet2DConditionConfiguration()
        (c.sampleSize, c.blockOutChannels, c.normNumGroups, c.attentionHeadDim) = (ImageSize(2), [2], 1, .all(2))
        (c.downBlockTypes, c.upBlockTypes, c.layersPerBlock, c.crossAttentionDim) = (
            [.plain], [.plain], .all(1), .all(3)
        )
        let embedding = 2 * 8 + 8 * 8
        let ends = 4 * (9 * 4 * 2 + 9 * 2 * 4)
        // Four of 2 to 2 channels or, with a skip, of 4 to 2, and one more 1x1 for each of those.
        let resnets = 5 * 8 * 2 + 4 * (3 * 2 * 36 + 2 * (72 + 36 + 8))
        let attention1 = 4 * 4 * 4 + 2 * 4 * 4 * 2
        let attention2 = 2 * 4 * 4 + 2 * 77 * 3 * 2 + 2 * 4 * 77 * 2
        let transformer = 2 * 4 * 4 + attention1 + attention2 + 4 * (2 * 16 + 8 * 2)
        #expect(c.cost?.multiplyAdds == Double(embedding + ends + resnets + transformer))
    }
}
