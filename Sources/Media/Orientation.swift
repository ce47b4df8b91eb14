/// How a camera held the picture: the Orientation tag of Exif 2.32, section 4.6.4. The cases say where row 0 and column 0 of the
/// stored picture lie in the scene.
enum Orientation: UInt16 {
    case topLeft = 1
    case topRight, bottomRight, bottomLeft, leftTop, rightTop, rightBottom, leftBottom

    /// Whether rows of the stored picture are columns of the scene.
    var swapsAxes: Bool { rawValue >= Orientation.leftTop.rawValue }
}

extension Image {
    /// The picture as the scene was, from one stored with `orientation`.
    func upright(from orientation: Orientation) -> Image {
        guard orientation != .topLeft else { return self }
        let (outWidth, outHeight) = orientation.swapsAxes ? (height, width) : (width, height)
        var out: [UInt16] = []
        out.reserveCapacity(samples.count)
        for y in 0..<outHeight {
            for x in 0..<outWidth {
                let (right, below) = (outWidth - 1 - x, outHeight - 1 - y)
                let (column, row) =
                    switch orientation {
                    case .topLeft: (x, y)
                    case .topRight: (right, y)
                    case .bottomRight: (right, below)
                    case .bottomLeft: (x, below)
                    case .leftTop: (y, x)
                    case .rightTop: (y, right)
                    case .rightBottom: (below, right)
                    case .leftBottom: (below, x)
                    }
                out += self[column, row]
            }
        }
        return Image(width: outWidth, height: outHeight, channels: channels, depth: depth, samples: out)
    }
}
