/// How files name the parameters of a network.
struct TensorNames: Sendable {
    /// Where a parameter is to be looked for, the first of these that the files have.
    let places: @Sendable (_ parameter: String) -> [TensorPlace]
    /// Whether a tensor of the files is the network's: one file may hold several networks.
    let isOwn: @Sendable (_ key: String) -> Bool

    init(
        isOwn: @escaping @Sendable (_ key: String) -> Bool = { _ in true },
        places: @escaping @Sendable (_ parameter: String) -> [TensorPlace]
    ) {
        self.places = places
        self.isOwn = isOwn
    }

    /// Of the files of one network, told by their keys.
    init(keys: some Sequence<String>) {
        self = keys.contains("x_embedder.proj.weight") ? .paperDiT : .usual
    }

    /// As the parameters are named, or as earlier and later versions of diffusers and transformers name them.
    static let usual = TensorNames { name in
        [name, formerAttention(name), withoutTextModel(name)].compactMap { $0.map { TensorPlace(key: $0) } }
    }

    /// As the code of Peebles & Xie 2023 names a diffusion transformer: queries, keys and values in one tensor, one
    /// embedder of timestep and class for all blocks.
    static let paperDiT = TensorNames { paperDiT($0).map { [$0] } ?? [] }

    /// The name that old versions of diffusers gave to an attention parameter.
    private static func formerAttention(_ name: String) -> String? {
        let former = ["to_q": "query", "to_k": "key", "to_v": "value"]
        var parts = name.split(separator: ".").map(String.init)
        guard let kind = parts.popLast(), let layer = parts.popLast() else { return nil }
        if layer == "0", parts.last == "to_out" {
            return (parts.dropLast() + ["proj_attn", kind]).joined(separator: ".")
        }
        return former[layer].map { (parts + [$0, kind]).joined(separator: ".") }
    }

    /// The name of a text encoder's parameter where version 5.6 of transformers or later has saved it.
    private static func withoutTextModel(_ name: String) -> String? {
        let prefix = "text_model."
        return name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
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
