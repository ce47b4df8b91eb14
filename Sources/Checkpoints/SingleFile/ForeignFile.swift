internal import Problems

/// What a `.safetensors` file holds where it is no model that can be opened.
struct ForeignFile {
    let what: String
    /// The tensor or module that shows it.
    let mark: String
    /// What to do with such a file, beside giving another.
    var use = ""

    static let opened =
        "Single files of Stable Diffusion 1.x, 2.x and XL (base, refiner), of their inpainting models and of "
        + "the x4 upscaler can be opened, and diffusers directories."

    func problem(_ table: TensorTable) -> Problem {
        Problem(
            .unsupported, "the file holds \(what), which its tensor \(mark) shows",
            remedy: (use.isEmpty ? "" : use + " ") + Self.opened, file: table.path)
    }

    /// The first that its marks show; nil for a file with a U-Net of Stable Diffusion.
    static func first(in table: TensorTable) -> ForeignFile? {
        if let mark = table.names(where: { name in quantized.contains { name.hasSuffix($0) } }).first {
            return ForeignFile(
                what: "quantized weights", mark: mark, use: "Take the same model in fp16, bf16, fp32 or plain fp8.")
        }
        for kind in modules {
            if let mark = kind.marks.first(where: table.has) {
                return ForeignFile(what: kind.what, mark: mark, use: kind.use)
            }
        }
        guard !table.has(UNetLayout.prefix + "input_blocks.0.0") else { return nil }
        if let mark = table.names(where: { name in adapters.contains { name.contains($0) } }).first {
            return ForeignFile(
                what: "a LoRA", mark: mark, use: "Give the model that it belongs to, and the file under \"loras\".")
        }
        for kind in lone {
            if let mark = kind.marks.first(where: table.has) {
                return ForeignFile(what: kind.what, mark: mark, use: kind.use)
            }
        }
        let names = table.names { _ in true }
        if !names.isEmpty, names.count <= 4, table.shapes.values.allSatisfy({ $0.count <= 2 }) {
            return ForeignFile(
                what: "an embedding (textual inversion)", mark: names[0],
                use: "Give the model that it belongs to, and the file under \"embeddings\".")
        }
        return ForeignFile(
            what: names.isEmpty ? "no tensors" : "\(names.count) tensors of no known model", mark: names.first ?? "-")
    }

    private struct Kind {
        var what: String
        var marks: [String]
        var use = ""
    }

    /// Endings of the numbers that quantized weights are scaled by.
    private static let quantized = [
        ".scale_weight", ".weight_scale", "scaled_fp8", ".absmax", ".quant_map", ".qweight",
    ]

    /// Parts of the names of low-rank and other adapters.
    private static let adapters = [
        ".lora_down.", ".lora_up.", ".lora_A.", ".lora_B.", ".lora.down.", ".lora.up.", "_lora.down.", "_lora.up.",
        ".lora_linear_layer.", ".hada_w1_", ".lokr_w", ".dora_scale", ".oft_blocks", ".diff_b",
    ]

    /// Modules of whole models of other kinds.
    private static let modules = [
        Kind(what: "a ControlNet", marks: ["control_model", "input_hint_block", "controlnet_cond_embedding"]),
        Kind(
            what: "CosXL, whose noise levels are those of EDM", marks: ["edm_vpred.sigma_max"]),
        Kind(what: "Playground 2.5, whose noise levels are those of EDM", marks: ["edm_mean"]),
        Kind(what: "Stable Diffusion 3", marks: [UNetLayout.prefix + "joint_blocks", "joint_blocks"]),
        Kind(what: "Flux", marks: [UNetLayout.prefix + "double_blocks", "double_blocks"]),
    ]

    /// Modules of files that hold a part, or something that belongs to a model.
    private static let lone = [
        Kind(what: "an IP-Adapter", marks: ["image_proj", "ip_adapter"]),
        Kind(
            what: "an autoencoder alone", marks: ["first_stage_model", "vae", "encoder.down", "decoder.up"],
            use: "Give the model that it belongs to, and the file under \"autoencoder\"."),
        Kind(
            what: "an autoencoder alone, under diffusers' names", marks: ["encoder.down_blocks", "decoder.up_blocks"],
            use: "Name the directory with its config.json as \"autoencoder\"."),
        Kind(
            what: "a motion module", marks: ["down_blocks.0.motion_modules"],
            use: "Give a Stable Diffusion 1 model, which it belongs to."),
        Kind(
            what: "a U-Net alone, under diffusers' names", marks: ["down_blocks", "mid_block", "up_blocks"],
            use: "Name the diffusers directory that it is a part of: the one with model_index.json."),
        Kind(what: "a U-Net alone", marks: ["input_blocks", "middle_block", "output_blocks"]),
        Kind(
            what: "a transformer alone, under diffusers' names",
            marks: ["transformer_blocks", "single_transformer_blocks"],
            use: "Name the diffusers directory that it is a part of: the one with model_index.json."),
        Kind(
            what: "a text encoder alone",
            marks: [
                "text_model", "encoder.layers", "transformer.resblocks", "encoder.block", "text_encoders",
                "cond_stage_model", "conditioner",
            ]),
    ]
}
