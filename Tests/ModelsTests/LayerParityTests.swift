import Models
import NeuralNet
import NumericTestSupport
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// The building blocks of the networks against the reference implementation, from its random weights: results within 2e-6
/// of the largest, gradients of every input and parameter within 1e-5.
@Suite struct LayerParityTests {
    private let device = Device(threads: 2)

    @Test(arguments: try Fixture("layers_unet2d").cases)
    func unet2D(_ test: Fixture.Case) throws {
        let options = try #require(test.options["options"])
        func integer(_ key: String) throws -> Int { try #require(options[key]?.integer) }
        switch try #require(test.options["kind"]?.string) {
        case "ResnetBlock2D":
            try check(test, try resnet(options), "input_tensor", "temb") { $0($1, $2, dropout: nil) }
        case "Attention":
            let block = AttentionBlock(
                try integer("query_dim"), headSize: try integer("dim_head"),
                groups: options["norm_num_groups"]?.integer,
                epsilon: Float(options["eps"]?.number ?? 1e-5),
                outputScale: Float(options["rescale_output_factor"]?.number ?? 1), on: device)
            try check(test, block, "hidden_states") { block, x, _ in block(x) }
        case "Downsample2D" where options["use_conv"]?.bool == true:
            let block = Downsample2D(try integer("channels"), padding: try integer("padding"), on: device)
            try check(test, block, "hidden_states") { block, x, _ in block(x) }
        case "Downsample2D":
            let differences = try test.differences(["hidden_states"], on: device) {
                try #require($0["hidden_states"]).averagePooled(2)
            }
            judge(differences)
        case "Upsample2D" where options["use_conv"]?.bool == true:
            try check(test, Upsample2D(try integer("channels"), on: device), "hidden_states") { block, x, _ in block(x)
            }
        case "Upsample2D":
            let differences = try test.differences(["hidden_states"], on: device) {
                try #require($0["hidden_states"]).upsampledNearest(2)
            }
            judge(differences)
        case "TimestepEmbedding":
            let mlp = TimestepMLP(try integer("in_channels"), try integer("time_embed_dim"), on: device)
            try check(test, mlp, "sample") { mlp, x, _ in mlp(x) }
        case let kind: Issue.record("\(kind) is not known")
        }
    }

    private func resnet(_ options: JSONNode) throws -> ResnetBlock2D {
        let activations: [String: Activation] = ["silu": .silu, "gelu": .gelu, "relu": .relu]
        let activation = try #require(activations[options["non_linearity"]?.string ?? "silu"])
        return ResnetBlock2D(
            try #require(options["in_channels"]?.integer), try #require(options["out_channels"]?.integer),
            ResnetOptions(
                timeEmbeddingWidth: try #require(options["temb_channels"]?.integer),
                groups: try #require(options["groups"]?.integer), epsilon: Float(options["eps"]?.number ?? 1e-6),
                activation: activation,
                timeEmbedding: options["time_embedding_norm"]?.string == "scale_shift" ? .scaleShift : .added,
                dropout: 0,
                outputScale: Float(options["output_scale_factor"]?.number ?? 1)),
            resampling: options["up"]?.bool == true ? .up : options["down"]?.bool == true ? .down : .none, on: device)
    }

    @Test(arguments: try Fixture("layers_tokens").cases)
    func tokens(_ test: Fixture.Case) throws {
        let options = try #require(test.options["options"])
        switch try #require(test.options["kind"]?.string) {
        case "Attention":
            let mask = AttentionMask(keyCounts: try counts(test))
            try check(test, try attention(options), "hidden_states", "encoder_hidden_states") { attention, x, context in
                attention(x, to: context, mask: mask, dropout: nil)
            }
        case "FeedForward":
            try check(test, try feedForward(options), "hidden_states") { layer, x, _ in layer(x, dropout: nil) }
        case "T5Attention":
            try check(test, try t5Attention(options), "hidden_states", "bias") { attention, x, bias in
                attention(x, bias: bias, dropout: nil)
            }
        case "CLIPAttention":
            try check(test, try clipAttention(options), "hidden_states") { attention, x, _ in
                attention(x, mask: .causal, dropout: nil)
            }
        case let kind: Issue.record("\(kind) is not known")
        }
    }

    private func counts(_ test: Fixture.Case) throws -> [Int]? {
        guard let counts = test.options["counts"]?.elements else { return nil }
        return try counts.map { try #require($0.integer) }
    }

    private func attention(_ options: JSONNode) throws -> TokenAttention {
        let heads = AttentionHeads(
            try #require(options["heads"]?.integer), size: try #require(options["dim_head"]?.integer))
        let epsilon = Float(options["eps"]?.number ?? 1e-5)
        return TokenAttention(
            try #require(options["query_dim"]?.integer), contextWidth: options["cross_attention_dim"]?.integer,
            heads: heads, bias: options["bias"]?.bool ?? false, outBias: options["out_bias"]?.bool ?? true,
            normEpsilon: options["qk_norm"]?.string == "rms_norm" ? epsilon : nil, dropout: 0, on: device)
    }

    private func feedForward(_ options: JSONNode) throws -> FeedForward {
        let activations: [String: FeedForward.Activation] = [
            "gelu": .plain(.gelu), "geglu-approximate": .plain(.quickGELU), "geglu": .gated(.gelu),
            "swiglu": .gated(.silu),
        ]
        let activation = try #require(activations[options["activation_fn"]?.string ?? ""])
        return FeedForward(
            try #require(options["dim"]?.integer), hidden: options["inner_dim"]?.integer, activation,
            bias: options["bias"]?.bool ?? true, dropout: 0, on: device)
    }

    private func t5Attention(_ options: JSONNode) throws -> TokenAttention {
        let heads = AttentionHeads(
            try #require(options["num_heads"]?.integer), size: try #require(options["d_kv"]?.integer))
        return TokenAttention(
            try #require(options["d_model"]?.integer), heads: heads, scale: 1, bias: false, outBias: false, dropout: 0,
            names: TokenAttention.Names(query: "q", key: "k", value: "v", out: "o"), on: device)
    }

    private func clipAttention(_ options: JSONNode) throws -> TokenAttention {
        let width = try #require(options["hidden_size"]?.integer)
        let heads = try #require(options["num_attention_heads"]?.integer)
        return TokenAttention(
            width, heads: AttentionHeads(heads, size: width / heads), bias: true, dropout: 0,
            names: TokenAttention.Names(query: "q_proj", key: "k_proj", value: "v_proj", out: "out_proj"), on: device)
    }

    @Test(arguments: try Fixture("layers_annotated").cases)
    func annotated(_ test: Fixture.Case) throws {
        let options = try #require(test.options["options"])
        func integer(_ key: String) throws -> Int { try #require(options[key]?.integer) }
        let timeWidth = options["time_dim"]?.integer
        switch try #require(test.options["kind"]?.string) {
        case "ResnetBlock":
            let block = AnnotatedResnetBlock(
                try integer("dim"), try integer("dim_out"), timeWidth: timeWidth, groups: try integer("groups"),
                on: device)
            try check(test, block, "x", "time") { $0($1, time: $2) }
        case "ConvNextBlock":
            let block = ConvNextBlock(
                try integer("dim"), try integer("dim_out"), timeWidth: timeWidth,
                widening: options["mult"]?.integer ?? 2, on: device)
            try check(test, block, "x", "time") { $0($1, time: $2) }
        case let kind:
            // Here the weights' names begin where the block does, without the name that the network gives it.
            let block = AnnotatedAttention(
                kind.contains("Linear") ? .linear : .full, try integer("dim"),
                heads: AttentionHeads(try integer("heads"), size: try integer("dim_head")), on: device)
            try check(test, block, "x") { block, x, _ in block(x) }
        }
    }

    private func check<Block: Module>(
        _ test: Fixture.Case, _ block: Block, _ input: String, _ second: String? = nil,
        _ compute: (Block, Tensor, Tensor?) throws -> Tensor
    ) throws {
        let differences = try test.differences(of: block, [input, second].compactMap(\.self), on: device) { inputs in
            try compute(block, try #require(inputs[input]), second.flatMap { inputs[$0] })
        }
        judge(differences)
    }

    private func judge(_ differences: Differences) {
        #expect(!differences.gradients.isEmpty)
        #expect(differences.output < 2e-6)
        let (name, error) = differences.worstGradient
        #expect(error < 1e-5, "\(name)")
    }
}
