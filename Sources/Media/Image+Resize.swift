extension Image {
    /// The part of the image from (`x`, `y`), `width` by `height` pixels.
    public struct Box: Sendable, Hashable {
        public var x: Int
        public var y: Int
        public var width: Int
        public var height: Int

        public init(x: Int, y: Int, width: Int, height: Int) {
            self.x = x
            self.y = y
            self.width = width
            self.height = height
        }
    }

    /// The image, or a `box` of it, at another size: convolution with a triangle as wide as two output pixels (two input pixels
    /// when enlarging), which is Pillow's antialiased BILINEAR. Premultiply or flatten alpha first.
    public func resized(width outWidth: Int, height outHeight: Int, box: Box? = nil) -> Image {
        precondition(outWidth > 0 && outHeight > 0, "an image has pixels")
        let box = box ?? Box(x: 0, y: 0, width: width, height: height)
        precondition(
            box.x >= 0 && box.y >= 0 && box.width > 0 && box.height > 0 && box.x + box.width <= width
                && box.y + box.height <= height, "the box lies in the image")
        let columns = TriangleFilter.taps(size: width, from: box.x, length: box.width, to: outWidth)
        let rows = TriangleFilter.taps(size: height, from: box.y, length: box.height, to: outHeight)

        // Columns first, for the rows that the second pass reads; then rows.
        let firstRow = rows[0].first
        let lastRow = rows[outHeight - 1].first + rows[outHeight - 1].weights.count
        let stride = outWidth * channels
        var narrowed = [Float](repeating: 0, count: (lastRow - firstRow) * stride)
        for row in firstRow..<lastRow {
            var out = (row - firstRow) * stride
            for tap in columns {
                for channel in 0..<channels {
                    var index = (row * width + tap.first) * channels + channel
                    var sum: Float = 0
                    for weight in tap.weights {
                        sum += weight * Float(samples[index])
                        index += channels
                    }
                    narrowed[out] = sum
                    out += 1
                }
            }
        }

        var out: [UInt16] = []
        out.reserveCapacity(outHeight * stride)
        var sums = [Float](repeating: 0, count: stride)
        let maximum = Float(depth.maximum)
        for tap in rows {
            for column in 0..<stride { sums[column] = 0 }
            var index = (tap.first - firstRow) * stride
            for weight in tap.weights {
                for column in 0..<stride { sums[column] += weight * narrowed[index + column] }
                index += stride
            }
            for sum in sums { out.append(UInt16(min(max(sum.rounded(), 0), maximum))) }
        }
        return Image(width: outWidth, height: outHeight, channels: channels, depth: depth, samples: out)
    }

    /// The largest centred square at `resolution` x `resolution`: the shorter side resized to it, the longer one cropped.
    public func centreSquare(resolution: Int) -> Image {
        let side = min(width, height)
        let box = Box(x: (width - side) / 2, y: (height - side) / 2, width: side, height: side)
        if side == resolution && width == height { return self }
        return resized(width: resolution, height: resolution, box: box)
    }

    /// The largest centred part of the wanted proportions, at `width` x `height`.
    public func centreFitted(width outWidth: Int, height outHeight: Int) -> Image {
        if outWidth == width && outHeight == height { return self }
        // Wider than wanted: the sides are cut off; higher: top and bottom.
        let isWider = width * outHeight > height * outWidth
        let boxWidth = isWider ? max(1, height * outWidth / outHeight) : width
        let boxHeight = isWider ? height : max(1, width * outHeight / outWidth)
        let box = Box(x: (width - boxWidth) / 2, y: (height - boxHeight) / 2, width: boxWidth, height: boxHeight)
        return resized(width: outWidth, height: outHeight, box: box)
    }

    /// The image with left and right exchanged.
    public var mirrored: Image { upright(from: .topRight) }
}

/// The triangle filter of one axis.
enum TriangleFilter {
    /// The input samples from `first` on that make one output sample, and their weights, which add up to 1.
    struct Tap {
        var first: Int
        var weights: [Float]
    }

    /// The taps for each of `count` output samples over `length` of the `size` input samples, from `origin` on.
    static func taps(size: Int, from origin: Int, length: Int, to count: Int) -> [Tap] {
        let scale = Double(length) / Double(count)
        let support = max(scale, 1)
        return (0..<count).map { index in
            let centre = Double(origin) + (Double(index) + 0.5) * scale
            let first = max(0, Int(centre - support + 0.5))
            let end = min(size, Int(centre + support + 0.5))
            let raw = (first..<end).map { max(0, 1 - abs((Double($0) + 0.5 - centre) / support)) }
            let total = raw.reduce(0, +)
            return Tap(first: first, weights: raw.map { Float($0 / total) })
        }
    }
}
