import Configurations
import JobSpec
import Problems
import StrictJSON
import Testing

/// Trainings from a base model, and of networks that read captions.
@Suite struct WordJobTests {
    private static let tuned = """
        { "kind": "train", "name": "ink", "base_model": "job:base",
          "dataset": { "format": "image_folder", "path": "ink" },
          "training": { "steps": 10 } }
        """

    private static let words = """
        { "kind": "train", "name": "words", "text_encoder": { "architecture": "text_transformer", "hidden_size": 64 },
          "model": { "architecture": "unet2d_condition", "in_channels": 3, "out_channels": 3, "block_out_channels": [32, 64] },
          "dataset": { "format": "synthetic", "name": "captioned_shapes", "resolution": 32 },
          "training": { "steps": 10 } }
        """

    private func decode(_ text: String) throws -> JobSpec {
        try JobSpec.decode(Array(text.utf8), fileName: "job.json")
    }

    private func adding(_ members: String, to job: String = tuned) -> String {
        job.replacing("\"kind\": \"train\",", with: "\"kind\": \"train\", \(members),")
    }

    private func paths(_ text: String) throws -> [String?] {
        try #require(throws: Problems.self) { try decode(text) }.all.map(\.path)
    }

    @Test func aBaseModelTakesThePlaceOfAModel() throws {
        let spec = try decode(Self.tuned)
        guard case .fineTune(let job) = spec else {
            Issue.record("not a fine-tuning")
            return
        }
        #expect(spec.kind == .train && job.baseModel == .jobName("base") && spec.models == [.jobName("base")])
        #expect(job.captionDropoutProb == 0.1 && job.training.emaDecay == nil && job.adapter == nil)
        #expect(try decode(spec.json.text) == spec)
        #expect(try paths(adding("\"model\": {\"architecture\": \"mlp\"}")) == ["$.model"])
        let scheduled = adding("\"diffusion\": {\"beta_start\": 0.1}")
        #expect(try paths(scheduled) == ["$.diffusion.beta_start"])
    }

    @Test func anAdapterIsWrittenOut() throws {
        guard
            case .fineTune(let job) = try decode(
                adding(
                    #""adapter": {"type": "lora", "rank": 8}, "prior_preservation": {"path": "dogs", "prompt": "a dog"}"#
                ))
        else { return }
        #expect(job.adapter?.alpha == 8 && job.adapter?.targets == LayerKind.allCases)
        #expect(job.priorPreservation?.weight == 1 && job.priorPreservation?.count == 200)
        #expect(JobSpec.fineTune(job).inputs.map(\.role) == [.datasetPath, .priorPath])
        #expect(try decode(JobSpec.fineTune(job).json.text) == .fineTune(job))
        let moved = JobSpec.fineTune(job).mapInputs { "/elsewhere/\($0.path)" }
        #expect(moved.inputs.map(\.path) == ["/elsewhere/ink", "/elsewhere/dogs"])
    }

    @Test(arguments: [
        (#""adapter": {"type": "lora"}, "parameters": ["attention"]"#, "$.parameters"),
        (#""adapter": {"type": "loha"}"#, "$.adapter.type"), (#""adapter": {"rank": 4}"#, "$.adapter.type"),
        (#""adapter": {"type": "lora", "targets": ["norms"]}"#, "$.adapter.targets[0]"),
        (#""textual_inversion": {"token": "a toy", "initializer": "toy"}"#, "$.textual_inversion.token"),
        (#""textual_inversion": {"token": "<toy>"}"#, "$.textual_inversion.initializer"),
        (#""prior_preservation": {"path": "dogs"}"#, "$.prior_preservation.prompt"),
        (#""caption_dropout_prob": 1"#, "$.caption_dropout_prob"),
    ]) func whatContradictsItselfIsRefused(members: String, path: String) throws {
        #expect(try paths(adding(members)) == [path])
    }

    @Test func rawWeightsNeedAnAverageOfTheModelItself() throws {
        let raw = Self.tuned.replacing("\"steps\": 10", with: "\"steps\": 10, \"save_raw_weights\": true")
        #expect(try paths(raw) == ["$.training.save_raw_weights"])
        let averaged = raw.replacing("\"steps\": 10", with: "\"steps\": 10, \"ema_decay\": 0.9")
        #expect(try decode(averaged).kind == .train)
        #expect(try paths(adding(#""adapter": {"type": "lora"}"#, to: averaged)) == ["$.training.save_raw_weights"])
    }

    @Test func oneCaptionForAllIsInThePlaceOfOthers() throws {
        let both = Self.tuned.replacing(
            "\"path\": \"ink\"", with: "\"path\": \"ink\", \"caption\": \"a\", \"captions\": \"folder\"")
        #expect(try paths(both) == ["$.dataset.caption"])
    }

    @Test func aTextTransformerDecidesTheNetworksWidth() throws {
        let spec = try decode(Self.words)
        guard case .train(let job) = spec else { return }
        #expect(job.model.contextWidth == 64)
        #expect(try decode(spec.json.text) == spec)
        let other = Self.words.replacing("\"in_channels\": 3", with: "\"cross_attention_dim\": 32, \"in_channels\": 3")
        #expect(try paths(other) == ["$.model.cross_attention_dim"])
    }

    @Test func textEncoderNetworkAndCaptionsGoTogether() throws {
        let encoder = "\"text_encoder\": { \"architecture\": \"text_transformer\", \"hidden_size\": 64 },"
        #expect(try paths(Self.words.replacing(encoder, with: "")) == ["$.text_encoder"])
        #expect(try paths(Self.words.replacing("captioned_shapes", with: "shapes")) == ["$.dataset.format"])
        let silent = Self.words.replacing("\"unet2d_condition\"", with: "\"unet2d\"")
        #expect(try paths(silent) == ["$.text_encoder"])
        let heads = Self.words.replacing("\"hidden_size\": 64", with: "\"hidden_size\": 66")
        #expect(try paths(heads).contains("$.text_encoder.hidden_size"))
        let named = Self.words.replacing("\"steps\": 10", with: "\"steps\": 10, \"sample_prompts\": [\"a red disc\"]")
        #expect(try decode(named).kind == .train)
        #expect(
            try decode(
                Self.words.replacing(
                    "{ \"architecture\": \"text_transformer\", \"hidden_size\": 64 }", with: "\"job:clip\"")
            ).models == [.jobName("clip")])
        let classes = named.replacing("\"unet2d_condition\"", with: "\"unet2d\"").replacing(encoder, with: "")
        #expect(try paths(classes) == ["$.training.sample_prompts"])
    }
}
