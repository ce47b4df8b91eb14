/// A sheet of one shade that images are copied onto.
struct Collage {
    let width: Int
    let height: Int
    let channels: Int
    /// (H, W, C).
    private var bytes: [UInt8]

    init(width: Int, height: Int, channels: Int, background: UInt8 = 255) {
        self.width = width
        self.height = height
        self.channels = channels
        bytes = [UInt8](repeating: background, count: width * height * channels)
    }

    /// Copies an image, which lies within the sheet.
    mutating func place(_ image: Image, left: Int, top: Int) {
        precondition(left >= 0 && top >= 0 && left + image.width <= width && top + image.height <= height, "outside")
        let (source, row) = (image.converted(toChannels: channels).bytes, image.width * channels)
        for y in 0..<image.height {
            let start = ((top + y) * width + left) * channels
            bytes.replaceSubrange(start..<start + row, with: source[y * row..<(y + 1) * row])
        }
    }

    var image: Image { Image(width: width, height: height, channels: channels, bytes: bytes) }
}
