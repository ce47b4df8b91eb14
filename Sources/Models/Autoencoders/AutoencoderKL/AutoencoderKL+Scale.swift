internal import Configurations
public import TensorCore

extension AutoencoderKL {
    /// Sets the scaling factor so that the most likely latents of such pictures get a deviation of 1 (Rombach et al. 2022, appendix G).
    ///
    /// - Parameters:
    ///   - pictures: batches (N, H, W, C).
    ///   - check: called before each tile of each batch; what it throws leaves the factor as it is.
    /// - Returns: the deviation before. The factor stays as it is where that is 0 or not finite.
    @discardableResult
    public func fitScale(
        to pictures: some Sequence<Tensor>, beforeTile check: () throws -> Void = {}
    ) throws -> Double {
        var (count, sum, squares) = (0, 0.0, 0.0)
        for x in pictures {
            let latents = try encodeTiled(x, beforeTile: check).mean  // (N, h, w, latent)
            latents.withSpan { values in
                for index in values.indices {
                    let value = Double(values[index])
                    (count, sum, squares) = (count + 1, sum + value, squares + value * value)
                }
            }
        }
        let mean = sum / Double(max(1, count))
        let deviation = max(0, squares / Double(max(1, count)) - mean * mean).squareRoot()
        if deviation > 0, deviation.isFinite { configuration.scalingFactor = 1 / deviation }
        return deviation
    }
}
