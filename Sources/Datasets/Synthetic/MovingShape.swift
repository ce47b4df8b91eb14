public import Media

/// Where a picture shows a shape on its ground, and in which colour: how well a model of `moving_shapes` keeps motion and colour.
public struct MovingShape: Sendable, Hashable {
    /// The middle of its area in pixels, from the left and the top.
    public let x: Double
    public let y: Double
    /// The mean colour of what it covers whole, (C) from 0 to 1.
    public let colour: [Double]

    /// Nil for a picture (1 or 3 channels) that shows no shape.
    public init?(in image: Image) {
        let pixels = image.flattened
        let coverage = ShapeRule.coverage(of: pixels)
        let area = coverage.reduce(0, +)
        guard area >= 1 else { return nil }
        var centre = (x: 0.0, y: 0.0)
        var sums = [Double](repeating: 0, count: pixels.channels)
        var whole = 0.0
        for (index, share) in coverage.enumerated() {
            let (row, column) = index.quotientAndRemainder(dividingBy: pixels.width)
            centre.x += share * (Double(column) + 0.5) / area
            centre.y += share * (Double(row) + 0.5) / area
            guard share == 1 else { continue }
            whole += 1
            for (channel, value) in pixels[column, row].enumerated() {
                sums[channel] += Double(value) / Double(pixels.depth.maximum)
            }
        }
        guard whole > 0 else { return nil }
        (x, y) = centre
        colour = sums.map { $0 / whole }
    }

    /// Pixels between the middles of two.
    public func distance(to other: MovingShape) -> Double {
        ((x - other.x) * (x - other.x) + (y - other.y) * (y - other.y)).squareRoot()
    }

    /// The largest difference of a channel.
    public func colourDifference(to other: MovingShape) -> Double {
        zip(colour, other.colour).map { abs($0 - $1) }.max() ?? 0
    }
}
