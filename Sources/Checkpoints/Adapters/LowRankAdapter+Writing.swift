public import DurableFiles
public import NeuralNet
internal import Safetensors
internal import TensorCore

extension LowRankAdapter {
    /// Writes adapters of a pipeline's networks as `pytorch_lora_weights.safetensors`, in the form that most programs read:
    /// kohya's, with the names of diffusers' modules. Alpha is the rank everywhere, since some programs take one alpha for all:
    /// the scale is in the upper factors.
    ///
    /// - Parameters:
    ///   - adapters: by component, such as `unet` or `text_encoder_2`.
    ///   - hasSecondEncoder: whether the pipeline has two text encoders, which have other names then.
    ///   - metadata: text that other programs show.
    public static func write(
        _ adapters: [(component: String, adapter: LowRankAdapter)], hasSecondEncoder: Bool,
        metadata: [String: String], to directory: String, in files: any FileSystem
    ) throws {
        let modules = adapters.flatMap { component, adapter in
            let label = AdapterNetwork.label(component, hasSecondEncoder: hasSecondEncoder)
            return adapter.layers.map { layer in
                (name: "\(label)_\(layer.name.replacing(".", with: "_"))", pair: layer.pair, rank: adapter.rank)
            }
        }
        let general = adapters.first.map { first in
            [
                "format": "pt", "ss_network_module": "networks.lora", "ss_network_dim": "\(first.adapter.rank)",
                "ss_network_alpha": "\(first.adapter.rank)",
            ]
        }
        var writer = try SafetensorsWriter(
            Path.join(directory, AdapterFile.fileName),
            modules.flatMap { name, pair, _ in
                [
                    .init("\(name).lora_down.weight", Array(pair.a.fileShape)),
                    .init("\(name).lora_up.weight", Array(pair.b.fileShape)), .init("\(name).alpha", []),
                ]
            }, metadata: metadata.merging(general ?? [:]) { own, _ in own }, in: files, durability: .deferred)
        for (name, pair, rank) in modules {
            try pair.a.inFileOrder(pair.a.value).withSpan { try writer.write("\(name).lora_down.weight", $0) }
            let up = pair.b.value.detached * pair.scale
            try pair.b.inFileOrder(up).withSpan { try writer.write("\(name).lora_up.weight", $0) }
            try writer.write("\(name).alpha", [Float(rank)])
        }
        try writer.commit()
    }
}
