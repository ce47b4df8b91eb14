/// Where the values of a parameter lie in a file: in a whole tensor, or in one of several equal parts of its first axis.
struct TensorPlace: Hashable {
    var key: String
    var part = 0
    var parts = 1
}

/// How a weights file names what it holds.
enum TensorNames {
    /// As the parameters are named, attention perhaps as old versions of diffusers did.
    case diffusers
    /// As the code of Peebles & Xie 2023 names a diffusion transformer: queries, keys and values in one tensor, one embedder of
    /// timestep and class for all blocks.
    case paperDiT

    init(keys: some Sequence<String>) {
        self = keys.contains("x_embedder.proj.weight") ? .paperDiT : .diffusers
    }

    /// Where the parameter `name` is to be looked for, the first of these that the file has.
    func places(of name: String) -> [TensorPlace] {
        switch self {
        case .diffusers: [TensorPlace(key: name)] + (Self.oldAttention(name).map { [TensorPlace(key: $0)] } ?? [])
        case .paperDiT: Self.paperDiT(name).map { [$0] } ?? []
        }
    }

    /// The former name of an attention parameter.
    private static func oldAttention(_ name: String) -> String? {
        let former = ["to_q": "query", "to_k": "key", "to_v": "value"]
        var parts = name.split(separator: ".").map(String.init)
        guard let kind = parts.popLast(), let layer = parts.popLast() else { return nil }
        if layer == "0", parts.last == "to_out" {
            return (parts.dropLast() + ["proj_attn", kind]).joined(separator: ".")
        }
        return former[layer].map { (parts + [$0, kind]).joined(separator: ".") }
    }

    private static func paperDiT(_ name: String) -> TensorPlace? {
        var parts = name.split(separator: ".").map(String.init)
        guard let kind = parts.popLast() else { return nil }
        if parts.first == "transformer_blocks", parts.count > 2 {
            let layer = parts.dropFirst(2).joined(separator: ".")
            if let shared = paperEmbedders[layer] { return TensorPlace(key: "\(shared).\(kind)") }
            guard var place = paperLayers[layer] else { return nil }
            place.key = "blocks.\(parts[1]).\(place.key).\(kind)"
            return place
        }
        if name == "pos_embed.pos_embed" { return TensorPlace(key: "pos_embed") }
        return paperEnds[parts.joined(separator: ".")].map { TensorPlace(key: "\($0).\(kind)") }
    }

    private static let paperEmbedders = [
        "norm1.emb.timestep_embedder.linear_1": "t_embedder.mlp.0",
        "norm1.emb.timestep_embedder.linear_2": "t_embedder.mlp.2",
        "norm1.emb.class_embedder.embedding_table": "y_embedder.embedding_table",
    ]

    private static let paperLayers = [
        "norm1.linear": TensorPlace(key: "adaLN_modulation.1"),
        "attn1.to_q": TensorPlace(key: "attn.qkv", part: 0, parts: 3),
        "attn1.to_k": TensorPlace(key: "attn.qkv", part: 1, parts: 3),
        "attn1.to_v": TensorPlace(key: "attn.qkv", part: 2, parts: 3),
        "attn1.to_out.0": TensorPlace(key: "attn.proj"),
        "ff.net.0.proj": TensorPlace(key: "mlp.fc1"),
        "ff.net.2": TensorPlace(key: "mlp.fc2"),
    ]

    private static let paperEnds = [
        "pos_embed.proj": "x_embedder.proj",
        "proj_out_1": "final_layer.adaLN_modulation.1",
        "proj_out_2": "final_layer.linear",
    ]
}
