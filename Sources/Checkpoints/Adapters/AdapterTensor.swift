/// What a tensor of an adapter's file is to its module, which the end of its name tells.
enum AdapterTensor: String, Sendable, CaseIterable {
    /// LoRA (Hu et al. 2022): the factors of ΔW, and what lies between them where a convolution is factored thrice.
    case down, up, mid
    /// ΔW is scaled by alpha / rank.
    case alpha
    /// DoRA (Liu et al. 2024): norms of the rows, as kohya's scripts and LyCORIS, and as PEFT write them.
    case doraScale = "dora_scale"
    case magnitudeVector = "lora_magnitude_vector"
    /// LoHa (Hyeon-Woo et al. 2022): the factors of two matrices.
    case hadaW1A = "hada_w1_a"
    case hadaW1B = "hada_w1_b"
    case hadaT1 = "hada_t1"
    case hadaW2A = "hada_w2_a"
    case hadaW2B = "hada_w2_b"
    case hadaT2 = "hada_t2"
    /// LoKr (Yeh et al. 2024, "LyCORIS"): two matrices, whole or in factors.
    case lokrW1 = "lokr_w1"
    case lokrW1A = "lokr_w1_a"
    case lokrW1B = "lokr_w1_b"
    case lokrW2 = "lokr_w2"
    case lokrW2A = "lokr_w2_a"
    case lokrW2B = "lokr_w2_b"
    case lokrT2 = "lokr_t2"

    /// The name of a tensor in two.
    ///
    /// - Returns: the module as the file calls it, and what the tensor is to it; nil for a tensor of no known adapter.
    static func split(_ name: String) -> (module: String, tensor: AdapterTensor)? {
        for (ending, tensor) in endings where name.hasSuffix(ending) {
            return (String(name.dropLast(ending.count)), tensor)
        }
        return nil
    }

    /// What the tensor belongs to, where that is something that cannot be applied.
    static func foreign(_ name: String) -> String? { foreignEndings.first { name.hasSuffix($0.0) }?.1 }

    /// Longer ones first: one may end another.
    private static let endings: [(String, AdapterTensor)] = {
        let factors: [(String, AdapterTensor)] = [
            (".lora_down.weight", .down), (".lora_up.weight", .up), (".lora_mid.weight", .mid),
            (".lora_A.weight", .down), (".lora_B.weight", .up),
            (".lora_A.default.weight", .down), (".lora_B.default.weight", .up),
            (".lora.down.weight", .down), (".lora.up.weight", .up),
            (".lora_linear_layer.down.weight", .down), (".lora_linear_layer.up.weight", .up),
            // Of an attention processor, whose own name ends in `_lora`.
            ("_lora.down.weight", .down), ("_lora.up.weight", .up), ("_lora.alpha", .alpha),
            (".lora_magnitude_vector.weight", .magnitudeVector),
            (".lora_magnitude_vector.default.weight", .magnitudeVector),
        ]
        let own = allCases.filter { ![.down, .up, .mid].contains($0) }.map { (".\($0.rawValue)", $0) }
        return (factors + own).sorted { $0.0.count > $1.0.count }
    }()

    private static let foreignEndings = [
        (".diff", "whole differences of weights"), (".diff_b", "differences of biases"),
        (".w_norm", "weights of norms"), (".b_norm", "biases of norms"), (".set_weight", "whole weights"),
        (".reshape_weight", "weights of another shape"), (".lora_B.bias", "biases of a LoRA"),
        (".lora_up.bias", "biases of a LoRA"), (".lora_embedding_A", "a LoRA of a table"),
        (".lora_embedding_B", "a LoRA of a table"), (".scalar", "a trained scale of LyCORIS"),
        (".a1.weight", "GLoRA"), (".a2.weight", "GLoRA"), (".b1.weight", "GLoRA"), (".b2.weight", "GLoRA"),
        (".bm.weight", "GLoRA"), (".oft_blocks", "OFT"), (".oft_diag", "OFT"), (".oft_r", "OFT"),
        (".oft_R.weight", "OFT"), (".boft_R", "BOFT"), (".on_input", "(IA)³"), (".vera_lambda_b", "VeRA"),
        (".hada_w1", "a LoHa of whole matrices"), (".hada_w2", "a LoHa of whole matrices"),
        (".lokr_t1", "a LoKr whose first matrix is a convolution"),
    ]
}
