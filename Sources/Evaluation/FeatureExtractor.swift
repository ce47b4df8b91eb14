public import Media
public import Models
internal import NeuralNet
public import TensorCore

/// Computes features of pictures.
public struct FeatureExtractor {
    public let kind: FeatureKind
    private let network: Inception?
    private let device: Device

    /// Means of blocks.
    public init(on device: Device) { (kind, network, self.device) = (.pixels, nil, device) }

    /// Features of a network.
    ///
    /// - Parameter weights: SHA-256 of the file that its weights are from.
    public init(_ network: Inception, weights: String, on device: Device) {
        (kind, self.network, self.device) = (.inception(weights: weights), network, device)
    }

    /// (N, D). Those of a picture don't depend on the others.
    public func features(of pictures: [Image]) -> Tensor {
        guard let network else {
            return Tensor(
                pictures.flatMap(PixelFeatures.features), shape: [pictures.count, kind.count], on: device)
        }
        // Each is brought to the network's size by itself.
        let inputs = pictures.map { picture in
            Tensor(
                picture.converted(toChannels: 3).signed, shape: [1, picture.height, picture.width, 3], on: device
            ).resizedBilinear(height: Inception.side, width: Inception.side)
        }
        return network(.concatenated(inputs, axis: 0))
    }

    /// Bytes that the tensors of a pass take, told by one on a device that computes nothing.
    public static func rehearse(_ network: Inception, batchSize: Int, on device: Device) -> Int {
        precondition(device.isRehearsal, "a rehearsal has a device of its own")
        network.initialize(seed: 0)
        _ = network(.zeros([batchSize, Inception.side, Inception.side, 3], on: device))
        return device.memory.held
    }
}
