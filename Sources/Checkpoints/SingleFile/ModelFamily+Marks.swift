internal import Problems

/// How a file's family shows.
extension ModelFamily {
    /// - Throws: `unsupported`, with what was found, for a file of anything else; `corrupt`.
    init(of table: TensorTable) throws(Problem) {
        let unet = UNetLayout.prefix
        if let found = ForeignFile.first(in: table) { throw found.problem(table) }
        let joined = try UNetLayout.joinedChannels(table)
        func has(_ name: String) -> Bool { table.has(name) }
        func refuse(_ what: String, mark: String) -> Problem {
            ForeignFile(what: what, mark: mark).problem(table)
        }
        switch joined {
        case 0, 3, 5: break
        case 1: throw refuse("a Stable Diffusion 2 model that is guided by depth", mark: Self.firstWeight)
        case 4: throw refuse("an InstructPix2Pix model", mark: Self.firstWeight)
        default:
            throw refuse("a U-Net that takes \(joined) channels besides the latents'", mark: Self.firstWeight)
        }
        guard has(unet + "middle_block.1") else {
            throw refuse(
                "a pruned Stable Diffusion XL (SSD-1B and kin), whose middle block has no attention",
                mark: unet + "middle_block.0")
        }
        let labelWidth = table.shapes[unet + "label_emb.0.0.weight"]?.last
        if has("conditioner.embedders.1.model.transformer.resblocks") || has("conditioner.embedders.0.transformer")
            || labelWidth == 2816
        {
            self = .stableDiffusionXL
        } else if has("conditioner.embedders.0.model.transformer.resblocks") || labelWidth == 2560 {
            self = .stableDiffusionXLRefiner
        } else if labelWidth != nil {
            throw refuse("Stable Diffusion 2.1 unCLIP, which is conditioned on pictures", mark: unet + "label_emb.0.0")
        } else if joined == 3 {
            self = .upscaler
        } else if has("cond_stage_model.model") || Self.contextWidth(table) == 1024 {
            self = .stableDiffusion2
        } else {
            self = .stableDiffusion1
        }
    }

    private static let firstWeight = UNetLayout.prefix + "input_blocks.0.0.weight"

    /// The width of a text's tokens by the first attention to them of a Stable Diffusion 1 or 2.
    private static func contextWidth(_ table: TensorTable) -> Int? {
        table.shapes[UNetLayout.prefix + "input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"]?.last
    }
}
