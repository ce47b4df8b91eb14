public import Configurations
public import NeuralNet
public import TensorCore

/// A network that turns the tokens of a text into vectors, which tell a denoiser what to show.
public protocol TextEncoder: Module {
    /// - Parameters:
    ///   - ids: N sequences of S tokens each, S up to the configuration's maximum; every token below `vocabularySize`.
    ///   - layer: where the tokens' vectors are taken. No layer behind it is computed unless something pooled is
    ///     wanted.
    ///   - isPooled: whether a vector of each sequence is wanted too.
    func callAsFunction(_ ids: [[Int]], layer: TextLayer, isPooled: Bool) -> TextEncoding

    /// Tokens that it has vectors for, placeholders included.
    var vocabularySize: Int { get }
    /// The vectors of placeholders, tokens behind those of the vocabulary (Gal et al. 2023, "An image is worth one
    /// word"); nil: none. It is a parameter of the network as long as it is there: what is loaded or saved before does
    /// not have it.
    var placeholders: Parameter? { get }
    /// Gives tokens behind the vocabulary their vectors, in place of those that were there.
    ///
    /// - Parameter vectors: (n, D) for the tokens from the configuration's `vocabularySize` on; nil: no such tokens.
    func setPlaceholders(_ vectors: Tensor?)
}

/// Where a text encoder's vectors are taken.
public struct TextLayer: Sendable, Hashable {
    /// Layers from the last that are left out: what is taken is entry -(skipped + 1) of transformers' `hidden_states`.
    /// At most all.
    public var skipped: Int
    /// Whether the norm that follows the last layer is applied.
    public var isNormalized: Bool

    public init(skipped: Int, isNormalized: Bool) { (self.skipped, self.isNormalized) = (skipped, isNormalized) }

    /// What the network ends with: `last_hidden_state`.
    public static let last = TextLayer(skipped: 0, isNormalized: true)
    /// What comes out of the layer before the last, as Stable Diffusion XL takes it: `hidden_states[-2]`.
    public static let penultimate = TextLayer(skipped: 1, isNormalized: false)
}

/// What a text encoder makes of N sequences.
public struct TextEncoding {
    /// A vector for each token (N, S, D).
    public var tokens: Tensor
    /// A vector for each sequence (N, P), where it was wanted.
    public var pooled: Tensor?
}

/// A configuration from which a text encoder is built.
public protocol TextEncoderBuilder: TextEncoderConfiguration, NetworkBuilder where Network: TextEncoder {}

extension TextEncoderBuilder {
    /// The network, its parameters not yet initialized or loaded.
    public func makeTextEncoder(on device: Device) -> any TextEncoder { makeNetwork(on: device) }
}
