public import Media

/// Tells by measuring whether a picture shows one of the shapes of the synthetic set.
public enum ShapeRule {
    /// The least overlap (intersection over union) with the ideal shape of the same area and centre.
    private static let leastOverlap = 0.8
    /// The least difference between shape and ground in some channel, of 1.
    private static let leastContrast = 0.25
    /// The least area, of the picture's.
    private static let leastArea = 0.03

    /// The shape that an image (1 or 3 channels) shows, or nil when it shows none clearly.
    public static func classify(_ image: Image) -> FlatShape? {
        let pixels = image.flattened
        let (width, height) = (pixels.width, pixels.height)
        let coverage = coverage(of: pixels)
        let area = coverage.reduce(0, +)
        guard area >= leastArea * Double(width * height) else { return nil }
        var centre = (x: 0.0, y: 0.0)
        for row in 0..<height {
            for column in 0..<width {
                centre.x += (Double(column) + 0.5) * coverage[row * width + column] / area
                centre.y += (Double(row) + 0.5) * coverage[row * width + column] / area
            }
        }
        let overlaps = FlatShape.allCases.map { shape -> (shape: FlatShape, overlap: Double) in
            let radius = (area / shape.unitArea).squareRoot()
            var (common, united) = (0.0, 0.0)
            for row in 0..<height {
                for column in 0..<width {
                    let ideal = shape.coverage(column: column, row: row, centre: centre, radius: radius)
                    common += min(ideal, coverage[row * width + column])
                    united += max(ideal, coverage[row * width + column])
                }
            }
            return (shape, common / united)
        }
        guard let best = overlaps.max(by: { $0.overlap < $1.overlap }), best.overlap >= leastOverlap else { return nil }
        return best.shape
    }

    /// How much of each pixel is not ground: the ground is the median colour of the border, the shape's colour the median of the
    /// pixels that differ from it by at least half of the most; a pixel lies somewhere between the two. A sixth at either end is
    /// taken for noise. Empty when the two are alike.
    static func coverage(of image: Image) -> [Double] {
        let maximum = Double(image.depth.maximum)
        let pixels = (0..<image.width * image.height).map { index in
            image[index % image.width, index / image.width].map { Double($0) / maximum }
        }
        let border = pixels.indices.filter { index in
            let (column, row) = (index % image.width, index / image.width)
            return column == 0 || row == 0 || column == image.width - 1 || row == image.height - 1
        }
        let ground = median(border.map { pixels[$0] })
        let distances = pixels.map { pixel in zip(pixel, ground).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) } }
        let farthest = distances.max() ?? 0
        let ink = median(pixels.indices.filter { distances[$0] >= farthest / 4 }.map { pixels[$0] })
        let direction = zip(ink, ground).map { $0 - $1 }
        guard direction.contains(where: { abs($0) >= leastContrast }) else { return [] }
        let length = direction.reduce(0) { $0 + $1 * $1 }
        return pixels.map { pixel in
            var along = 0.0
            for channel in direction.indices { along += (pixel[channel] - ground[channel]) * direction[channel] }
            return min(max((along / length - 0.5) * 1.5 + 0.5, 0), 1)
        }
    }

    /// The median of each channel.
    private static func median(_ pixels: [[Double]]) -> [Double] {
        guard let first = pixels.first else { return [] }
        return first.indices.map { channel in pixels.map { $0[channel] }.sorted()[pixels.count / 2] }
    }
}
