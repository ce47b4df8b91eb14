internal import Configurations
public import TensorCore

/// Pictures of any size in memory that does not grow with them: in tiles that overlap by a quarter and fade into each other, so that
/// no seam is seen. Norms and attention see one tile at a time, so the result is near that of the whole, not the same.
extension AutoencoderKL {
    /// Height and width of a tile, in latents: those of 512 x 512 pixels.
    public var tileSide: Int { max(4, 512 / configuration.downsampling) }

    /// What `encode` returns, computed in tiles.
    ///
    /// - Parameter side: of a tile, in latents, a multiple of 4; nil: `tileSide`. A picture that fits into one is encoded as a whole.
    public func encodeTiled(_ x: Tensor, side: Int? = nil) -> LatentDistribution {
        let factor = configuration.downsampling
        let grid = TileGrid(height: x.shape[1] / factor, width: x.shape[2] / factor, side: side ?? tileSide)
        guard grid.count > 1 else { return encode(x) }
        return LatentDistribution(
            parameters: grid.blend(x, inputScale: factor, outputScale: 1) { tile in
                let distribution = encode(tile)
                return .concatenated([distribution.mean, distribution.logVariance], axis: 3)
            })
    }

    /// What `decode` returns, computed in tiles.
    ///
    /// - Parameter side: of a tile, in latents, a multiple of 4; nil: `tileSide`. What fits into one is decoded as a whole.
    public func decodeTiled(_ z: Tensor, side: Int? = nil) -> Tensor {
        let grid = TileGrid(height: z.shape[1], width: z.shape[2], side: side ?? tileSide)
        guard grid.count > 1 else { return decode(z) }
        return grid.blend(z, inputScale: 1, outputScale: configuration.downsampling, decode)
    }
}

/// Tiles that cover a field of latents.
private struct TileGrid {
    let rows: TileLine
    let columns: TileLine

    init(height: Int, width: Int, side: Int) {
        precondition(side >= 4 && side % 4 == 0, "a quarter of a tile is a whole number of latents")
        rows = TileLine(count: height, side: side)
        columns = TileLine(count: width, side: side)
    }

    var count: Int { rows.starts.count * columns.starts.count }

    /// The results of all tiles, each weighed by how far inside its tile a place is.
    ///
    /// - Parameters:
    ///   - x: (N, inputScale h, inputScale w, C).
    ///   - compute: a tile of it as (N, outputScale h', outputScale w', C').
    func blend(_ x: Tensor, inputScale: Int, outputScale: Int, _ compute: (Tensor) -> Tensor) -> Tensor {
        var sums: [Float] = []
        var channels = 0
        let (height, width) = (rows.count * outputScale, columns.count * outputScale)
        for row in rows.starts.indices {
            let strip = x.sliced(axis: 1, rows.range(row, scale: inputScale))
            let rowWeights = rows.weights(row, scale: outputScale)
            for column in columns.starts.indices {
                let tile = compute(strip.sliced(axis: 2, columns.range(column, scale: inputScale)))
                let columnWeights = columns.weights(column, scale: outputScale)
                channels = tile.shape[3]
                if sums.isEmpty { sums = [Float](repeating: 0, count: x.shape[0] * height * width * channels) }
                let values = tile.array()
                var index = 0
                for sample in 0..<x.shape[0] {
                    for (y, rowWeight) in rowWeights.enumerated() {
                        let line = (sample * height + rows.starts[row] * outputScale + y) * width
                        var target = (line + columns.starts[column] * outputScale) * channels
                        for columnWeight in columnWeights {
                            for _ in 0..<channels {
                                sums[target] += rowWeight * columnWeight * values[index]
                                target += 1
                                index += 1
                            }
                        }
                    }
                }
            }
        }
        return Tensor(sums, shape: [x.shape[0], height, width, channels], on: x.device)
    }
}

/// Tiles along one direction.
private struct TileLine {
    /// Latents in all, and in a tile.
    let count: Int
    let side: Int
    /// Where tiles begin: each a quarter of a tile before the end of the one before, the last where it ends with the line.
    let starts: [Int]

    init(count: Int, side: Int) {
        self.count = count
        self.side = min(side, count)
        let last = max(0, count - side)
        starts = Array(stride(from: 0, to: last, by: side - side / 4)) + [last]
    }

    func range(_ tile: Int, scale: Int) -> Range<Int> {
        starts[tile] * scale..<(starts[tile] + side) * scale
    }

    /// The share that a tile has in each of its places; those of all tiles add up to 1 everywhere.
    func weights(_ tile: Int, scale: Int) -> [Float] {
        range(tile, scale: scale).map { place in
            let all = starts.indices.reduce(Float(0)) { $0 + ramp(place, $1, scale) }
            return ramp(place, tile, scale) / all
        }
    }

    /// Rises from the edge of a tile to 1 over a quarter of it.
    private func ramp(_ place: Int, _ tile: Int, _ scale: Int) -> Float {
        let own = range(tile, scale: scale)
        guard own.contains(place) else { return 0 }
        let inside = min(place - own.lowerBound, own.upperBound - 1 - place)
        return min(1, (Float(inside) + 0.5) / Float(max(1, side * scale / 4)))
    }
}
