import Configurations
import Problems
import StrictJSON
import Testing

/// Diffusion transformers: config files, presets, and costs before anything is built.
@Suite struct DiTTests {
    /// What diffusers writes for `DiTTransformer2DModel(num_embeds_ada_norm=3, in_channels=3, out_channels=3)`.
    private let transformer = """
        {
          "_class_name": "DiTTransformer2DModel", "_diffusers_version": "0.42.1", "activation_fn": "gelu-approximate",
          "attention_bias": true, "attention_head_dim": 72, "dropout": 0.0, "in_channels": 3, "norm_elementwise_affine": false,
          "norm_eps": 1e-05, "norm_num_groups": 32, "norm_type": "ada_norm_zero", "num_attention_heads": 16,
          "num_embeds_ada_norm": 3, "num_layers": 28, "out_channels": 3, "patch_size": 2, "sample_size": 32,
          "upcast_attention": false
        }
        """

    private func read(_ text: String) throws -> ModelConfiguration {
        try ModelConfiguration.read(config: Array(text.utf8)).configuration
    }

    private func dit(_ text: String) throws -> DiTConfiguration {
        var report = Report()
        let dit = DiTConfiguration.read(try JSONNode.parse(Array(text.utf8)), into: &report)
        #expect(report.problems.isEmpty)
        return try #require(dit)
    }

    private func problems(_ text: String) throws -> [Problem] {
        var report = Report()
        _ = DiTConfiguration.read(try JSONNode.parse(Array(text.utf8)), into: &report)
        return report.problems
    }

    @Test(arguments: [
        ("{\"patch_size\": 3}", "$.patch_size"),
        ("{\"attention_head_dim\": 5, \"num_attention_heads\": 3}", "$.attention_head_dim"),
        ("{\"preset\": \"S/3\"}", "$.preset"), ("{\"preset\": \"B/8\", \"sample_size\": 12}", "$.patch_size"),
        ("{\"norm_type\": \"in_context\", \"norm_elementwise_affine\": true}", "$.norm_elementwise_affine"),
        ("{\"norm_type\": \"ada_norm_single\"}", "$.norm_type"),
        ("{\"num_embeds_ada_norm\": 0}", "$.num_embeds_ada_norm"),
        ("{\"num_layers\": 256, \"attention_head_dim\": 1024}", "$.num_layers"),
        (
            "{\"num_layers\": 256, \"attention_head_dim\": 1024, \"num_attention_heads\": 256, \"sample_size\": 4096}",
            "$.num_layers"
        ),
    ])
    func refuses(text: String, path: String) throws {
        let found = try problems(text)
        #expect(found.map(\.path) == [path] && found[0].remedy != nil)
        #expect(try problems("{}").isEmpty)
    }

    @Test func allProblemsAreTold() throws {
        let text = "{\"patch_size\": 5, \"attention_head_dim\": 7, \"num_attention_heads\": 1, \"dropout\": 1}"
        #expect(
            try problems(text).map(\.path) == [
                "$.dropout", "$.patch_size", "$.attention_head_dim",
            ])
    }

    @Test func writesTheKeysOfDiffusersAndReadsThemBack() throws {
        let model = try read(transformer)
        let written = model.config(diffusersVersion: "0.42.1")
        let names = Set(try JSONNode.parse(Array(transformer.utf8)).members?.map(\.name) ?? [])
        #expect(Set(written.members?.map(\.name) ?? []) == names)
        #expect(try read(written.text) == model)
        #expect(
            model.className == "DiTTransformer2DModel" && model.isDiffusersClass
                && model.classConditioning == .table(count: 3, null: 3))
        #expect(model.sampleShape == .image(ImageSize(32), channels: 3))
    }

    @Test(arguments: [
        "\"norm_type\": \"in_context\"", "\"pos_embed_type\": \"learned\"", "\"freq_shift\": 0",
        "\"num_embeds_ada_norm\": null",
    ])
    func whatDiffusersLacksHasAClassOfItsOwn(member: String) throws {
        let model = try read("{\"_class_name\": \"DiT\", \"in_channels\": 1, \(member)}")
        #expect(model.className == "DiT" && !model.isDiffusersClass)
        #expect(try read(model.config(diffusersVersion: "0.42.1").text) == model.withOutputChannels)
    }

    /// diffusers' pipeline divides out_channels by 2, whatever it is.
    @Test func outputChannelsAreAlwaysWritten() throws {
        let written = ModelConfiguration(DiTConfiguration()).config(diffusersVersion: "0.42.1")
        #expect(written["out_channels"] == 4)
    }

    @Test func readsTransformersFromBeforeTheirClass() throws {
        let text = transformer.replacing("DiTTransformer2DModel", with: "Transformer2DModel")
        #expect(try read(text) == read(transformer))
        let other = text.replacing("ada_norm_zero", with: "layer_norm")
        let problems = try #require(throws: Problems.self) { try read(other) }
        #expect(problems.all.map(\.path) == ["$.norm_type"] && problems.all[0].code == .unsupported)
    }

    @Test func presetsFillInWhatIsNotGiven() throws {
        let large = try dit("{\"preset\": \"L/4\", \"num_layers\": 3}")
        #expect(large.numLayers == 3 && large.width == 1024 && large.numAttentionHeads == 16 && large.patchSize == 4)
        #expect(try dit(large.json.text) == large)
    }

    /// Peebles & Xie 2023, table 4 (parameters in millions, "Gflops" at 256 x 256), and section 5 for 512 x 512.
    @Test(arguments: [
        ("S/8", 32, 33, 0.36), ("S/4", 32, 33, 1.41), ("S/2", 32, 33, 6.06), ("B/8", 32, 131, 1.42),
        ("B/4", 32, 130, 5.56), ("B/2", 32, 130, 23.01), ("L/8", 32, 459, 5.01), ("L/4", 32, 458, 19.70),
        ("L/2", 32, 458, 80.71), ("XL/8", 32, 676, 7.39), ("XL/4", 32, 675, 29.05), ("XL/2", 32, 675, 118.64),
        ("XL/2", 64, 675, 524.60),
    ])
    func costsAreThoseOfThePaper(preset: String, size: Int, millions: Int, billions: Double) throws {
        let c = try dit("{\"preset\": \"\(preset)\", \"sample_size\": \(size), \"out_channels\": 8}")
        // The paper's blocks share one embedder.
        let cost = try #require(c.cost)
        let shared = cost.parameters - (c.embedders - 1) * c.embedderParameters
        #expect(abs(Double(shared) / 1e6 - Double(millions)) < 0.5)
        let repeated = (c.embedders - 1) * (DiTConfiguration.timestepFeatures + c.width) * c.width
        let measured = (cost.multiplyAdds - Double(repeated)) / 1e9
        #expect(abs(measured - billions) < max(0.006, 1e-3 * billions), "\(measured)")
    }
}

extension ModelConfiguration {
    /// As read back from a file.
    fileprivate var withOutputChannels: ModelConfiguration {
        guard var dit = network as? DiTConfiguration else { return self }
        dit.outChannels = dit.outputChannels
        return ModelConfiguration(dit)
    }
}
