import Configurations
import Problems
import StrictJSON
import Testing

/// `config.json` files of transformers.
@Suite struct CLIPTextTests {
    private func read(_ text: String) throws -> (configuration: CLIPTextConfiguration, warnings: [Problem]) {
        try CLIPTextConfiguration.read(config: Array(text.utf8), file: "config.json")
    }

    private func problems(_ text: String) throws -> [Problem] {
        try #require(throws: Problems.self) { try read(text) }.all
    }

    /// As Stable Diffusion 1.5 has it.
    @Test func oldFiles() throws {
        let (c, warnings) = try read(
            """
            {"_name_or_path": "openai/clip-vit-large-patch14", "architectures": ["CLIPTextModel"],
             "attention_dropout": 0.0,
             "bos_token_id": 0, "dropout": 0.0, "eos_token_id": 2, "hidden_act": "quick_gelu", "hidden_size": 768,
             "initializer_factor": 1.0, "initializer_range": 0.02, "intermediate_size": 3072, "layer_norm_eps": 1e-05,
             "max_position_embeddings": 77, "model_type": "clip_text_model", "num_attention_heads": 12,
             "num_hidden_layers": 12,
             "pad_token_id": 1, "projection_dim": 768, "torch_dtype": "float32", "transformers_version": "4.22.0.dev0",
             "vocab_size": 49408}
            """)
        #expect(warnings == [])
        #expect(!c.hasProjection && c.eosTokenId == 2 && c.hiddenAct == .quickGELU && c.pooledWidth == 768)
        #expect(c.cost?.parameters == 123_060_480 && c.maximumLength == 77 && c.layerCount == 12)
    }

    @Test func projectionFollowsFromTheClass() throws {
        let (c, warnings) = try read(
            """
            {"architectures": ["CLIPTextModelWithProjection"], "hidden_act": "gelu", "projection_dim": 1280, "key": 1}
            """)
        #expect(c.hasProjection && c.hiddenAct == .gelu && c.pooledWidth == 1280 && c.width == 512)
        #expect(warnings.count == 1 && warnings[0].message.contains("\"key\""))
        let written = c.config(diffusersVersion: "0.42.1")
        #expect(
            written["architectures"] == ["CLIPTextModelWithProjection"] && written["model_type"] == "clip_text_model")
        #expect(written["_class_name"] == nil)
        #expect(try read(written.text).configuration == c)
    }

    @Test func whatIsNotSupportedIsRefused() throws {
        for (text, key) in [
            ("{}", "architectures"), ("{\"architectures\": []}", "architectures"),
            ("{\"architectures\": [\"CLIPModel\"]}", "architectures[0]"),
            ("{\"architectures\": [\"CLIPTextModel\"], \"hidden_act\": \"relu\"}", "hidden_act"),
            ("{\"architectures\": [\"CLIPTextModel\"], \"use_attention_mask\": true}", "use_attention_mask"),
            ("{\"architectures\": [\"CLIPTextModel\"], \"num_attention_heads\": 7}", "hidden_size"),
            ("{\"architectures\": [\"CLIPTextModel\"], \"max_position_embeddings\": 0}", "max_position_embeddings"),
        ] {
            let found = try problems(text)
            #expect(found.count == 1 && found[0].path == "$.\(key)", "\(found)")
        }
        #expect(try problems("{\"architectures\": [\"CLIPModel\"]}")[0].code == .unsupported)
    }

    @Test func theVocabularyMustFit() {
        let c = CLIPTextConfiguration()
        #expect(c.misfit(withVocabulary: 49408, length: 77) == nil && c.misfit(withVocabulary: 1, length: nil) == nil)
        #expect(c.misfit(withVocabulary: 49409, length: 77)?.key == "vocab_size")
        #expect(c.misfit(withVocabulary: 49408, length: 78)?.key == "max_position_embeddings")
    }
}
