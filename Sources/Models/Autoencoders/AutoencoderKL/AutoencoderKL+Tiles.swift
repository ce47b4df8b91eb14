internal import Configurations
internal import NeuralNet
public import TensorCore

/// Large pictures in tiles: the result of the whole but for rounding, in less memory and more time.
extension AutoencoderKL {
    /// Height and width of a tile, in latents: those of 256 x 256 pixels.
    public var tileSide: Int { max(1, 256 / configuration.downsampling) }

    /// What `encode` returns, computed in tiles.
    ///
    /// - Throws: what `tiling.beforeTile` throws; `diskFull`, `outOfMemory` or `io` where results on the way cannot be kept.
    public func encodeTiled(_ x: Tensor, _ tiling: Tiling = Tiling()) throws -> LatentDistribution {
        let pixels = (tiling.side ?? tileSide) * configuration.downsampling
        guard max(x.shape[1], x.shape[2]) > 2 * pixels else {
            try tiling.beforeTile()
            return encode(x)
        }
        let h = try encoder(x, tiles: pixels, tiling)  // (N, h, w, 2 latent)
        return LatentDistribution(parameters: quantConv?(h) ?? h)
    }

    /// What `decode` returns, computed in tiles.
    ///
    /// - Throws: as `encodeTiled`.
    public func decodeTiled(_ z: Tensor, _ tiling: Tiling = Tiling()) throws -> Tensor {
        let side = tiling.side ?? tileSide
        guard max(z.shape[1], z.shape[2]) > 2 * side else {
            try tiling.beforeTile()
            return decode(z)
        }
        return try decoder(postQuantConv?(z) ?? z, tiles: side * configuration.downsampling, tiling)
    }
}
