internal import Problems
internal import Safetensors
internal import StrictJSON

/// How an adapter is scaled: by alpha / rank, alpha being a tensor of the module's, or what PEFT has left in the metadata of the
/// file under `lora_adapter_metadata`, or the rank.
struct AdapterMetadata {
    /// The model that the file was made for, as kohya's scripts name it.
    let baseModel: String?
    private let peft: JSONNode?
    private let path: String

    static let floats: Set<DataType> = [.float64, .float32, .float16, .bfloat16, .float8E4M3, .float8E5M2]
    private static let peftKey = "lora_adapter_metadata"

    init(_ file: SafetensorsFile) throws {
        path = file.path
        baseModel = file.metadata["ss_base_model_version"] ?? file.metadata["modelspec.architecture"]
        peft = try file.metadata[Self.peftKey].map { try JSONNode.parse(Array($0.utf8), file: file.path) }
    }

    /// What ΔW is multiplied by.
    ///
    /// - Parameters:
    ///   - alpha: the module's own; 0 counts as none.
    ///   - component: of the pipeline, such as `unet`.
    func scale(alpha: Float?, rank: Int, _ component: String, _ module: String) throws(Problem) -> Float {
        var found = alpha ?? 0
        if found == 0, let general = number(component, "lora_alpha") {
            found = Float(try pattern(component, module) ?? general)
        }
        guard found.isFinite else {
            throw Problem(
                .invalid, "alpha of the module \(module) is \(found)", remedy: "Download or export the file again.",
                file: path)
        }
        guard found != 0 else { return 1 }
        // Rank-stabilized LoRA (Kalajdzievski 2023).
        let isStabilized = value(component, "use_rslora")?.bool ?? false
        return isStabilized ? found / Float(rank).squareRoot() : found / Float(rank)
    }

    private func value(_ component: String, _ key: String) -> JSONNode? { peft?["\(component).\(key)"] ?? peft?[key] }
    private func number(_ component: String, _ key: String) -> Double? { value(component, key)?.number }

    /// Alpha of modules whose names end in a pattern. PEFT takes it as a regular expression; those that were ever seen are
    /// names.
    private func pattern(_ component: String, _ module: String) throws(Problem) -> Double? {
        for member in value(component, "alpha_pattern")?.members ?? [] {
            guard member.name.utf8.allSatisfy({ $0 == 0x2E || $0 == 0x5F || UInt8.isLetterOrDigit($0) }) else {
                throw Problem(
                    .unsupported, "alpha_pattern has the regular expression \(member.name)",
                    remedy: "Only names of modules are read: save the LoRA with those.", file: path)
            }
            if module == member.name || module.hasSuffix(".\(member.name)") { return member.node.number }
        }
        return nil
    }
}

extension UInt8 {
    fileprivate static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }
}
