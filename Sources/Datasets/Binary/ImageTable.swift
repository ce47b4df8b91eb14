import Media

/// Images of one size, one after another, as the binary data sets hold them.
struct ImageTable: Sendable {
    var width: Int
    var height: Int
    var channels: Int
    /// (N, H, W, C)
    var bytes: [UInt8]

    var count: Int { bytes.count / (width * height * channels) }

    subscript(_ index: Int) -> Image {
        let size = width * height * channels
        let part = Array(bytes[index * size..<(index + 1) * size])
        return Image(width: width, height: height, channels: channels, bytes: part)
    }
}

/// A table's images at the size and with the channels that are asked for.
struct TableSource: SampleSource {
    let table: ImageTable
    let resolution: Int
    let channels: Int

    var count: Int { table.count }

    var isInMemory: Bool {
        table.width == resolution && table.height == resolution && table.channels == channels
    }

    func sample(_ index: Int, warn: (String) -> Void) -> Sample {
        let image = table[index]
        return Sample(isInMemory ? image : image.centreSquare(resolution: resolution).converted(toChannels: channels))
    }
}
