internal import Configurations
internal import Problems

/// The autoencoder of a single file, as the code of Rombach et al. 2022 names it.
struct AutoencoderLayout: Sendable {
    let prefix: String
    /// Channels of each level, from the pictures on.
    let channels: [Int]
    /// ResNet blocks of each level of the encoder.
    let layers: Int

    private static let prefixes = ["first_stage_model.", "vae."]

    /// Nil where the file has none.
    ///
    /// - Throws: `corrupt` where its encoder has no levels of blocks.
    init?(_ table: TensorTable) throws(Problem) {
        guard let prefix = Self.prefixes.first(where: { table.has($0 + "decoder") || table.has($0 + "encoder") })
        else { return nil }
        try self.init(table, prefix: prefix)
    }

    /// Of a file that holds nothing else.
    ///
    /// - Throws: `unsupported` where it does not.
    init(alone table: TensorTable) throws(Problem) {
        guard table.has("decoder.up.0.block.0"), table.has("encoder.down.0.block.0") else {
            throw Problem(
                .unsupported, "the file does not hold an autoencoder by itself",
                remedy:
                    "Give a file with encoder.down and decoder.up, or the directory that AutoencoderKL.save_pretrained wrote.",
                file: table.path)
        }
        try self.init(table, prefix: "")
    }

    private init(_ table: TensorTable, prefix: String) throws(Problem) {
        self.prefix = prefix
        var channels: [Int] = []
        for level in 0..<table.count(of: prefix + "encoder.down") {
            channels.append(
                try table.shape("\(prefix)encoder.down.\(level).block.0.conv2.weight", axes: 4...4)[0])
        }
        layers = table.count(of: prefix + "encoder.down.0.block")
        self.channels = channels
        guard layers > 0 else { throw table.corrupt("the autoencoder has no encoder") }
    }

    /// - Parameters:
    ///   - scalingFactor: of its latents, which leaves no trace in a file.
    ///   - size: of the pictures that it was trained on.
    /// - Throws: `corrupt` where a tensor at either end is missing; `Problems` where the sizes are those of no
    ///   autoencoder.
    func configuration(
        _ table: TensorTable, scalingFactor: Double, size: Int
    ) throws -> AutoencoderKLConfiguration {
        func channels(_ layer: String, axis: Int) throws(Problem) -> Int {
            try table.shape("\(prefix)\(layer).weight", axes: 4...4)[axis]
        }
        var c = AutoencoderKLConfiguration()
        c.inChannels = try channels("encoder.conv_in", axis: 1)
        c.outChannels = try channels("decoder.conv_out", axis: 0)
        c.latentChannels = try channels("decoder.conv_in", axis: 1)
        c.blockOutChannels = self.channels
        c.downBlockTypes = self.channels.map { _ in .plain }
        c.upBlockTypes = self.channels.map { _ in .plain }
        c.layersPerBlock = layers
        c.normNumGroups = ModelFamily.groups(for: self.channels)
        c.useQuantConv = table.has(prefix + "quant_conv")
        c.usePostQuantConv = table.has(prefix + "post_quant_conv")
        c.midBlockAddAttention = table.has(prefix + "encoder.mid.attn_1")
        c.scalingFactor = scalingFactor
        c.sampleSize = ImageSize(size)
        return try c.checked(file: table.path)
    }

    var names: TensorNames {
        let modules = modules
        let own = ["encoder.", "decoder.", "quant_conv.", "post_quant_conv."].map { prefix + $0 }
        let isWhole = !prefix.isEmpty
        return TensorNames(
            isOwn: { [prefix] name in
                (isWhole ? name.hasPrefix(prefix) : own.contains(where: name.hasPrefix)) && !IdleTensors.contains(name)
            }, places: { modules.places(of: $0) })
    }

    /// The modules of `AutoencoderKL`.
    private var modules: ModuleNames {
        var modules = ModuleNames()
        modules.add("quant_conv", prefix + "quant_conv")
        modules.add("post_quant_conv", prefix + "post_quant_conv")
        for half in ["encoder", "decoder"] {
            let own = prefix + half
            for (part, its) in [("conv_in", "conv_in"), ("conv_norm_out", "norm_out"), ("conv_out", "conv_out")] {
                modules.add("\(half).\(part)", "\(own).\(its)")
            }
            for (part, its) in Self.attention {
                modules.add("\(half).mid_block.attentions.0.\(part)", "\(own).mid.attn_1.\(its)")
            }
            for number in 0..<2 {
                modules.add(resnet: "\(half).mid_block.resnets.\(number)", "\(own).mid.block_\(number + 1)")
            }
        }
        for level in channels.indices {
            let (down, up) = ("encoder.down_blocks.\(level)", "decoder.up_blocks.\(channels.count - 1 - level)")
            for layer in 0..<layers {
                modules.add(resnet: "\(down).resnets.\(layer)", "\(prefix)encoder.down.\(level).block.\(layer)")
            }
            for layer in 0...layers {
                modules.add(resnet: "\(up).resnets.\(layer)", "\(prefix)decoder.up.\(level).block.\(layer)")
            }
            modules.add("\(down).downsamplers.0.conv", "\(prefix)encoder.down.\(level).downsample.conv")
            modules.add("\(up).upsamplers.0.conv", "\(prefix)decoder.up.\(level).upsample.conv")
        }
        return modules
    }

    private static let attention = [
        "group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out",
    ]
}

extension ModuleNames {
    fileprivate mutating func add(resnet module: String, _ name: String) {
        for part in ["norm1", "conv1", "norm2", "conv2"] { add("\(module).\(part)", "\(name).\(part)") }
        add("\(module).conv_shortcut", "\(name).nin_shortcut")
    }
}
