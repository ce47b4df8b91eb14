internal import Configurations
internal import NeuralNet
public import TensorCore

/// Large pictures in tiles: the result of the whole but for rounding, in less memory and more time.
extension AutoencoderKL {
    /// Height and width of a tile, in latents: those of 256 x 256 pixels.
    public var tileSide: Int { max(1, 256 / configuration.downsampling) }

    /// What `encode` returns, computed in tiles.
    ///
    /// - Parameters:
    ///   - side: of a tile, in latents; nil: `tileSide`. A picture of up to 2 x 2 tiles is encoded as a whole.
    ///   - check: called before each tile, and before what is encoded as a whole; what it throws ends the work.
    public func encodeTiled(
        _ x: Tensor, side: Int? = nil, beforeTile check: () throws -> Void = {}
    ) throws -> LatentDistribution {
        let pixels = (side ?? tileSide) * configuration.downsampling
        guard max(x.shape[1], x.shape[2]) > 2 * pixels else {
            try check()
            return encode(x)
        }
        let h = try encoder(x, tiles: pixels, beforeTile: check)  // (N, h, w, 2 latent)
        return LatentDistribution(parameters: quantConv?(h) ?? h)
    }

    /// What `decode` returns, computed in tiles.
    ///
    /// - Parameters:
    ///   - side: of a tile, in latents; nil: `tileSide`. What becomes up to 2 x 2 tiles is decoded as a whole.
    ///   - check: called before each tile, and before what is decoded as a whole; what it throws ends the work.
    public func decodeTiled(
        _ z: Tensor, side: Int? = nil, beforeTile check: () throws -> Void = {}
    ) throws -> Tensor {
        let side = side ?? tileSide
        guard max(z.shape[1], z.shape[2]) > 2 * side else {
            try check()
            return decode(z)
        }
        return try decoder(postQuantConv?(z) ?? z, tiles: side * configuration.downsampling, beforeTile: check)
    }
}
