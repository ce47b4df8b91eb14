internal import Problems

/// The U-Net of a single file, as the code of Rombach et al. 2022 ("High-Resolution Image Synthesis with Latent
/// Diffusion Models") names it: numbered blocks down to the middle and up again, whatever level they belong to.
struct UNetLayout: Sendable {
    struct Level: Sendable, Hashable {
        var channels = 0
        /// ResNet blocks on the way down; there is one more on the way up.
        var resnets = 0
        /// Transformer blocks behind each of them; 0: none.
        var transformers = 0
    }

    static let prefix = "model.diffusion_model."
    /// Of the copy that is an average over the training.
    static let averagePrefix = "model_ema."

    /// From the input on.
    let levels: [Level]
    /// Channels that it takes besides those that it predicts: 5 of a mask and a masked picture, 3 of a small picture.
    let joinedChannels: Int

    /// - Throws: `corrupt` where the blocks on the way down are not those of a U-Net.
    init(_ table: TensorTable) throws(Problem) {
        var levels: [Level] = []
        var level = Level()
        let blocks = table.count(of: Self.prefix + "input_blocks")
        for number in stride(from: 1, to: blocks, by: 1) {
            let block = "\(Self.prefix)input_blocks.\(number)"
            if table.has("\(block).0.op") {
                levels.append(level)
                level = Level()
            } else {
                level.channels = try table.shape("\(block).0.out_layers.3.weight", axes: 4...4)[0]
                level.resnets += 1
                level.transformers = max(level.transformers, table.count(of: "\(block).1.transformer_blocks"))
            }
        }
        levels.append(level)
        guard levels.allSatisfy({ $0.resnets > 0 }) else {
            throw table.corrupt("the \(blocks) input_blocks of the U-Net hold a level without ResNet blocks")
        }
        self.levels = levels
        joinedChannels = try Self.joinedChannels(table)
    }

    static func joinedChannels(_ table: TensorTable) throws(Problem) -> Int {
        let first = try table.shape("\(prefix)input_blocks.0.0.weight", axes: 4...4)
        let last = try table.shape("\(prefix)out.2.weight", axes: 4...4)
        return first[1] - last[0]
    }

    /// The number of a level's first block on the way down.
    func firstInput(of level: Int) -> Int { levels.prefix(level).reduce(1) { $0 + $1.resnets + 1 } }

    /// The number of the first block of the level that comes so many levels after the middle.
    private func firstOutput(_ step: Int) -> Int { levels.suffix(step).reduce(0) { $0 + $1.resnets + 1 } }

    /// - Parameter averaged: whether the average is meant. Its names lack the dots.
    func names(averaged: Bool) -> TensorNames {
        let modules = modules
        return TensorNames(
            isOwn: { $0.hasPrefix(averaged ? Self.averagePrefix : Self.prefix) && !IdleTensors.contains($0) },
            places: { parameter in
                modules.places(of: parameter).map { averaged ? TensorPlace(key: Self.averageKey($0.key)) : $0 }
            })
    }

    private static func averageKey(_ key: String) -> String {
        averagePrefix + key.dropFirst("model.".count).replacing(".", with: "")
    }

    /// The modules of `UNet2DConditionModel`.
    var modules: ModuleNames {
        var modules = ModuleNames()
        for (module, name) in Self.ends { modules.add(module, Self.prefix + name) }
        for (index, level) in levels.enumerated() {
            let (down, first) = ("down_blocks.\(index)", firstInput(of: index))
            for layer in 0..<level.resnets {
                let block = "\(Self.prefix)input_blocks.\(first + layer)"
                modules.add(resnet: "\(down).resnets.\(layer)", "\(block).0")
                modules.add("\(down).attentions.\(layer)", "\(block).1")
            }
            modules.add("\(down).downsamplers.0.conv", "\(Self.prefix)input_blocks.\(first + level.resnets).0.op")
        }
        modules.add(resnet: "mid_block.resnets.0", Self.prefix + "middle_block.0")
        modules.add("mid_block.attentions.0", Self.prefix + "middle_block.1")
        modules.add(resnet: "mid_block.resnets.1", Self.prefix + "middle_block.2")
        for (step, level) in levels.reversed().enumerated() {
            let (up, first) = ("up_blocks.\(step)", firstOutput(step))
            for layer in 0...level.resnets {
                let block = "\(Self.prefix)output_blocks.\(first + layer)"
                modules.add(resnet: "\(up).resnets.\(layer)", "\(block).0")
                modules.add("\(up).attentions.\(layer)", "\(block).1")
            }
            // It stands behind the transformer, where the level has one.
            let last = "\(Self.prefix)output_blocks.\(first + level.resnets)"
            modules.add("\(up).upsamplers.0.conv", "\(last).\(level.transformers > 0 ? 2 : 1).conv")
        }
        return modules
    }

    private static let ends = [
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
        "class_embedding": "label_emb",
        "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
    ]
}

extension ModuleNames {
    fileprivate mutating func add(resnet module: String, _ name: String) {
        let parts = [
            "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
            "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
        ]
        for (part, its) in parts { add("\(module).\(part)", "\(name).\(its)") }
    }
}
