internal import Configurations
internal import Problems

/// A text encoder of a single file.
struct TextLayout: Sendable {
    enum Naming: Sendable {
        /// Those of `CLIPTextModel` of transformers.
        case transformers
        /// Those of OpenCLIP (Ilharco et al. 2021), after Radford et al.'s CLIP.
        case openCLIP
    }

    /// A text encoder that a family's files have.
    struct Slot: Sendable {
        /// Its folder in a pipeline's directory.
        let component: String
        /// The module in the file.
        let module: String
        let naming: Naming
        /// Whether the vector of the whole text is used.
        var isPooled = false
    }

    let slot: Slot
    /// What stands before its tensors' names.
    let prefix: String
    let layers: Int
    /// Tokens of the longest sequence.
    private let length: Int
    /// Numbers of a token.
    let width: Int

    /// Nil where the file does not have it.
    ///
    /// - Throws: `corrupt` where it has no table of positions.
    init?(_ table: TensorTable, _ slot: Slot) throws(Problem) {
        self.slot = slot
        switch slot.naming {
        case .transformers:
            // Files from before 2023 lack the model within the model.
            let names = ["\(slot.module).text_model", slot.module]
            guard let found = names.first(where: { table.has("\($0).encoder.layers") }) else { return nil }
            prefix = found + "."
            layers = table.count(of: prefix + "encoder.layers")
        case .openCLIP:
            guard table.has("\(slot.module).transformer.resblocks") else { return nil }
            prefix = slot.module + "."
            let blocks = table.count(of: prefix + "transformer.resblocks")
            // Stable Diffusion 2 takes what the last block receives. Files that were made from a diffusers directory,
            // which lacks that block, lack the projection behind it too.
            let isWhole = table.has(prefix + "text_projection") || blocks == 24
            layers = !slot.isPooled && isWhole ? max(0, blocks - 1) : blocks
        }
        let positions =
            switch slot.naming {
            case .transformers: "embeddings.position_embedding.weight"
            case .openCLIP: "positional_embedding"
            }
        let shape = try table.shape(prefix + positions, axes: 2...2)
        (length, width) = (shape[0], shape[1])
    }

    /// - Throws: `corrupt` where a tensor is missing that tells a size; `Problems` where the sizes are those of no
    ///   encoder.
    func configuration(_ table: TensorTable) throws -> CLIPTextConfiguration {
        func shape(_ name: String) throws(Problem) -> [Int] { try table.shape(prefix + name, axes: 2...2) }
        var c = CLIPTextConfiguration()
        (c.maxPositionEmbeddings, c.hiddenSize) = (length, width)
        c.numHiddenLayers = layers
        c.numAttentionHeads = ModelFamily.heads(ofWidth: width)
        switch slot.naming {
        case .transformers:
            c.hiddenAct = .quickGELU
            c.vocabSize = try shape("embeddings.token_embedding.weight")[0]
            c.intermediateSize = try shape("encoder.layers.0.mlp.fc1.weight")[0]
            c.projectionDim = width
        case .openCLIP:
            c.hiddenAct = .gelu
            c.vocabSize = try shape("token_embedding.weight")[0]
            c.intermediateSize = try shape("transformer.resblocks.0.mlp.c_fc.weight")[0]
        }
        if slot.isPooled {
            c.hasProjection = true
            c.projectionDim =
                try table.has(prefix + "text_projection.weight")
                ? shape("text_projection.weight")[0] : shape("text_projection")[1]
        }
        // The two ends of CLIP's vocabulary stand last.
        c.eosTokenId = min(c.eosTokenId, c.vocabSize - 1)
        c.bosTokenId = min(c.bosTokenId ?? .max, c.vocabSize - 2)
        return try c.checked(file: table.path)
    }

    var names: TensorNames {
        let (modules, own, unused) = (modules, prefix, unused)
        return TensorNames(
            isOwn: { name in
                name.hasPrefix(own) && !IdleTensors.contains(name) && !unused.contains { name.hasPrefix($0) }
            }, places: { modules.places(of: $0) })
    }

    /// What lies behind the last layer that counts.
    private var unused: [String] {
        switch slot.naming {
        case .transformers: [prefix + "text_projection"]
        case .openCLIP where slot.isPooled: []
        case .openCLIP: [prefix + "text_projection", "\(prefix)transformer.resblocks.\(layers)."]
        }
    }

    /// The modules of `CLIPTextModel`, and of `CLIPTextModelWithProjection`.
    private var modules: ModuleNames {
        var modules = ModuleNames()
        switch slot.naming {
        case .transformers:
            modules.add("text_model", String(prefix.dropLast()))
        case .openCLIP:
            modules.add("text_model.embeddings.token_embedding", prefix + "token_embedding")
            modules.add("text_model.embeddings.position_embedding.weight", prefix + "positional_embedding")
            modules.add("text_model.final_layer_norm", prefix + "ln_final")
            for layer in 0..<layers {
                let own = "text_model.encoder.layers.\(layer)"
                modules.add(openCLIP: own, "\(prefix)transformer.resblocks.\(layer)")
            }
            modules.add(
                "text_projection.weight", at: TensorPlace(key: prefix + "text_projection", isTransposed: true),
                TensorPlace(key: prefix + "text_projection.weight"))
        }
        return modules
    }
}

extension ModuleNames {
    /// OpenCLIP keeps queries, keys and values in one tensor.
    fileprivate mutating func add(openCLIP layer: String, _ name: String) {
        let parts = [
            "layer_norm1": "ln_1", "self_attn.out_proj": "attn.out_proj", "layer_norm2": "ln_2",
            "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
        ]
        for (part, its) in parts { add("\(layer).\(part)", "\(name).\(its)") }
        for (index, part) in ["q_proj", "k_proj", "v_proj"].enumerated() {
            for kind in ["weight", "bias"] {
                add(
                    "\(layer).self_attn.\(part).\(kind)",
                    at: TensorPlace(key: "\(name).attn.in_proj_\(kind)", part: index, parts: 3))
            }
        }
    }
}

extension ModelFamily {
    /// The text encoders of its files, in the order in which a pipeline has them.
    var textSlots: [TextLayout.Slot] {
        switch self {
        case .stableDiffusion1:
            [.init(component: "text_encoder", module: "cond_stage_model.transformer", naming: .transformers)]
        case .stableDiffusion2, .upscaler:
            [.init(component: "text_encoder", module: "cond_stage_model.model", naming: .openCLIP)]
        case .stableDiffusionXL:
            [
                .init(
                    component: "text_encoder", module: "conditioner.embedders.0.transformer", naming: .transformers),
                .init(
                    component: "text_encoder_2", module: "conditioner.embedders.1.model", naming: .openCLIP,
                    isPooled: true),
            ]
        case .stableDiffusionXLRefiner:
            [
                .init(
                    component: "text_encoder_2", module: "conditioner.embedders.0.model", naming: .openCLIP,
                    isPooled: true)
            ]
        }
    }
}
