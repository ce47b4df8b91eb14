/// Pixels that are added at the four sides of an image.
public struct Margins: Sendable, Hashable {
    public var top, right, bottom, left: Int

    /// - Parameters: none negative.
    public init(top: Int, right: Int, bottom: Int, left: Int) {
        precondition(min(top, right, bottom, left) >= 0)
        (self.top, self.right, self.bottom, self.left) = (top, right, bottom, left)
    }
}

extension Image {
    /// The image with margins, in which its outermost pixels are repeated.
    public func extended(by margins: Margins) -> Image {
        let (newWidth, newHeight) = (width + margins.left + margins.right, height + margins.top + margins.bottom)
        var extended: [UInt16] = []
        extended.reserveCapacity(newWidth * newHeight * channels)
        for y in 0..<newHeight {
            let row = min(max(y - margins.top, 0), height - 1)
            for x in 0..<newWidth { extended += self[min(max(x - margins.left, 0), width - 1), row] }
        }
        return Image(width: newWidth, height: newHeight, channels: channels, depth: depth, samples: extended)
    }

    /// A grey mask of an image of this size with margins: white in the margins and where the image itself is a mask that is
    /// white.
    ///
    /// - Parameter inner: grey, of the size without margins; nil: black.
    public static func mask(ofMargins margins: Margins, width: Int, height: Int, around inner: Image?) -> Image {
        let (newWidth, newHeight) = (width + margins.left + margins.right, height + margins.top + margins.bottom)
        let depth = inner?.depth ?? .eight
        var samples = [UInt16](repeating: depth.maximum, count: newWidth * newHeight)
        for y in 0..<height {
            for x in 0..<width {
                samples[(y + margins.top) * newWidth + x + margins.left] = inner.map { $0[x, y].first ?? 0 } ?? 0
            }
        }
        return Image(width: newWidth, height: newHeight, channels: 1, depth: depth, samples: samples)
    }
}
