internal import Configurations
internal import Models
internal import NeuralNet
internal import TensorCore

/// A network that adapters may change, by the names of its modules.
struct AdapterNetwork: Sendable {
    /// Its folder in a pipeline's directory: `unet`, `text_encoder`, `text_encoder_2`.
    let component: String
    /// What kohya's scripts write before the names of its modules.
    let labels: [String]
    /// The shapes, as files have them, of the weights that are matrices or kernels, by the module's name.
    let weights: [String: [Int]]
    /// The names in the code of Rombach et al. 2022, where they differ.
    let originals: UNetLayout?

    init(
        _ component: String, _ labels: [String], _ network: some Module, originals: UNetLayout? = nil
    ) {
        (self.component, self.labels, self.originals) = (component, labels, originals)
        let ending = ".weight"
        weights = Dictionary(
            uniqueKeysWithValues: network.parameters.compactMap { name, parameter in
                guard name.hasSuffix(ending), [2, 4].contains(parameter.fileShape.rank) else { return nil }
                return (String(name.dropLast(ending.count)), Array(parameter.fileShape))
            })
    }

    /// What kohya's scripts write before the names of a component's modules.
    static func label(_ component: String, hasSecondEncoder: Bool) -> String {
        switch component {
        case "text_encoder": hasSecondEncoder ? "lora_te1" : "lora_te"
        case "text_encoder_2": "lora_te2"
        default: "lora_unet"
        }
    }

    /// Every name that a file may give to a module.
    func names(of module: String) -> [String] {
        let textModel = "text_model."
        let dotted =
            [module] + (module.hasPrefix(textModel) ? [String(module.dropFirst(textModel.count))] : [])
            + Self.processor(module)
        let whole = (dotted + (originals?.name(of: module).map { [$0] } ?? [])).flatMap { name in
            [name, "\(component).\(name)", "\(Self.base)\(name)"]
                + ["\(component).\(Self.base)\(name)", "\(Self.base)\(component).\(name)"]
        }
        let joined = ([module] + (originals?.name(of: module).map { [$0] } ?? [])).flatMap { name in
            labels.map { "\($0)_\(name.replacing(".", with: "_"))" }
        }
        return whole + joined
    }

    /// What PEFT writes before names.
    private static let base = "base_model.model."

    /// What diffusers called a layer of an attention while adapters were part of its processor: the name ends in
    /// `_lora`, which is left out here.
    private static func processor(_ module: String) -> [String] {
        for (layer, name) in [("to_q", "to_q"), ("to_k", "to_k"), ("to_v", "to_v"), ("to_out.0", "to_out")]
        where module.hasSuffix(".\(layer)") {
            return [module.dropLast(layer.count) + "processor.\(name)"]
        }
        return []
    }
}

extension UNetLayout {
    /// What the code of Rombach et al. 2022 calls a module.
    fileprivate func name(of module: String) -> String? {
        modules.places(of: module).first.map { String($0.key.dropFirst(Self.prefix.count)) }
    }

    /// The layout of a U-Net whose configuration is known.
    init(_ c: UNet2DConditionConfiguration) {
        levels = c.blockOutChannels.indices.map { level in
            Level(
                channels: c.blockOutChannels[level], resnets: c.layersPerBlock[level],
                transformers: c.attendsOnWayDown(level) ? c.transformerLayersPerBlock[level] : 0)
        }
        joinedChannels = c.inChannels - c.outChannels
    }
}
