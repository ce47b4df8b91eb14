internal import Models

/// What pictures are compared by. Statistics of different kinds have nothing to say to each other.
public struct FeatureKind: Sendable, Hashable {
    public enum Name: String, Sendable {
        /// Means of 8x8 blocks of pixels, RGB in [0, 1].
        case pixels = "pixels-8x8"
        /// Pooled features of the network that the Frechet inception distance uses.
        case inception = "inception-v3-pool3"
    }

    public let name: Name
    /// SHA-256 of the file with the network's weights.
    public let weights: String?

    /// Means of blocks.
    public static let pixels = FeatureKind(name: .pixels, weights: nil)

    /// Features of a network with these weights.
    public static func inception(weights: String) -> FeatureKind { FeatureKind(name: .inception, weights: weights) }

    init(name: Name, weights: String?) {
        self.name = name
        self.weights = weights
    }

    /// Numbers for each picture.
    public var count: Int {
        switch name {
        case .pixels: 3 * PixelFeatures.side * PixelFeatures.side
        case .inception: Inception.featureCount
        }
    }

    /// How pictures are brought to the size that it takes.
    public var resizing: String {
        switch name {
        case .pixels: "means of equal areas, 8x8"
        case .inception: "bilinear, 299x299, align_corners=False, no antialiasing"
        }
    }
}
