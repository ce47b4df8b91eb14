internal import Media

/// Means of 8x8 blocks: features that need no weights. They tell colours and coarse shapes, and nothing finer.
enum PixelFeatures {
    static let side = 8

    /// RGB in [0, 1] of each block (8, 8, 3): its mean, pixels on the border of two blocks counting by their areas.
    static func features(of image: Image) -> [Float] {
        let image = image.converted(toChannels: 3)
        let scale = 1 / Double(image.depth.maximum)
        let (rows, columns) = (shares(image.height), shares(image.width))
        return rows.flatMap { row in
            columns.flatMap { column in
                var sums = [0.0, 0.0, 0.0]
                for (y, vertical) in row {
                    for (x, horizontal) in column {
                        let start = (y * image.width + x) * 3
                        for c in 0..<3 { sums[c] += vertical * horizontal * Double(image.samples[start + c]) }
                    }
                }
                return sums.map { Float($0 * scale) }
            }
        }
    }

    /// Which pixels of an axis each block covers, and their shares of it.
    private static func shares(_ size: Int) -> [[(place: Int, share: Double)]] {
        let length = Double(size) / Double(side)
        return (0..<side).map { block in
            let (start, end) = (Double(block) * length, Double(block + 1) * length)
            return (Int(start)..<min(size, Int(end.rounded(.up)))).map { pixel in
                let overlap = min(end, Double(pixel + 1)) - max(start, Double(pixel))
                return (pixel, overlap / length)
            }
        }
    }
}
