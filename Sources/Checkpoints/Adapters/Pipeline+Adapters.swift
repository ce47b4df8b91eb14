internal import Configurations
internal import DurableFiles
internal import Models
internal import TensorCore

extension Pipeline {
    /// The file of an adapter that a path means: itself, or that in a directory which diffusers or a train job wrote.
    public static func adapterFile(at path: String) throws -> String {
        try PosixFileSystem().status(path, followsLinks: true)?.kind == .directory
            ? Path.join(path, AdapterFile.fileName) : path
    }

    /// The same model with adapters (LoRA and its kin) added to the weights of its denoiser and text encoders when these
    /// are loaded: W' = W + Σ scale ΔW. Each delta is computed in 32 bits from the weight of the file, and the sum is
    /// rounded once where weights are kept in 16 bits.
    ///
    /// - Throws: what is wrong with a file, and what of it does not fit the model.
    public func adding(adapters: [(path: String, scale: Double)]) throws -> Pipeline {
        guard !adapters.isEmpty else { return self }
        let unet = configuration.network as? UNet2DConditionConfiguration
        let denoiser = AdapterNetwork(
            type(of: configuration.network).component, ["lora_unet"],
            configuration.makeModel(numTrainTimesteps: scheduler.numTrainTimesteps, on: .rehearsal()),
            originals: unet.map { UNetLayout($0) })
        let encoders = text?.encoders ?? []
        let networks = [denoiser] + encoders.map { $0.adapterNetwork(among: encoders.count) }
        var deltas = networks.map { _ in [String: [WeightDelta]]() }
        for (path, scale) in adapters {
            for (index, own) in try AdapterFile(path).deltas(for: networks, scale: Float(scale)).enumerated() {
                for (parameter, delta) in own { deltas[index][parameter, default: []].append(delta) }
            }
        }
        var copy = self
        copy.denoiserDeltas = deltas[0]
        copy.text = text?.adding(Array(deltas[1...]))
        return copy
    }
}
