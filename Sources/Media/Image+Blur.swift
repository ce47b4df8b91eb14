import Foundation

extension Image {
    /// The image blurred by a normal distribution of this standard deviation in pixels, cut off at three of them; at the border
    /// the last pixels are repeated. Premultiply or flatten alpha first.
    public func blurred(deviation: Double) -> Image {
        let radius = Int((3 * deviation).rounded(.up))
        guard deviation > 0, radius > 0 else { return self }
        let raw = (-radius...radius).map { exp(-pow(Double($0) / deviation, 2) / 2) }
        let total = raw.reduce(0, +)
        let weights = raw.map { Float($0 / total) }
        let values = samples.map(Float.init)
        let rows = Self.convolved(values, weights, count: width, step: channels, lines: lines(along: width * channels))
        let columns = (0..<width * channels).map { $0 }
        let both = Self.convolved(rows, weights, count: height, step: width * channels, lines: columns)
        let maximum = Float(depth.maximum)
        return Image(
            width: width, height: height, channels: channels, depth: depth,
            samples: both.map { UInt16(min(max($0.rounded(), 0), maximum)) })
    }

    /// Where each channel of each row begins.
    private func lines(along stride: Int) -> [Int] {
        (0..<height).flatMap { row in (0..<channels).map { row * stride + $0 } }
    }

    /// Each line of `count` values, `step` apart, with the weights laid over each of its values.
    private static func convolved(
        _ values: [Float], _ weights: [Float], count: Int, step: Int, lines: [Int]
    ) -> [Float] {
        var result = values
        let radius = weights.count / 2
        for line in lines {
            for place in 0..<count {
                var sum: Float = 0
                for (offset, weight) in weights.enumerated() {
                    sum += weight * values[line + min(max(place + offset - radius, 0), count - 1) * step]
                }
                result[line + place * step] = sum
            }
        }
        return result
    }
}
