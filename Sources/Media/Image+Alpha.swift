extension Image {
    /// The alpha channel alone, as a grey image; nil where there is none.
    public var alpha: Image? {
        guard channels == 2 || channels == 4 else { return nil }
        let values = stride(from: channels - 1, to: samples.count, by: channels).map { samples[$0] }
        return Image(width: width, height: height, channels: 1, depth: depth, samples: values)
    }

    /// The 8-bit image with `alpha`, a grey image of its size, as its alpha channel.
    public func withAlpha(_ alpha: Image) -> Image {
        precondition(channels == 1 || channels == 3, "the image has no alpha yet")
        precondition(alpha.width == width && alpha.height == height && alpha.channels == 1, "one alpha for each pixel")
        let (colours, opacities) = (bytes, alpha.bytes)
        var joined: [UInt8] = []
        joined.reserveCapacity(colours.count + opacities.count)
        for (pixel, opacity) in opacities.enumerated() {
            joined += colours[pixel * channels..<(pixel + 1) * channels]
            joined.append(opacity)
        }
        return Image(width: width, height: height, channels: channels + 1, bytes: joined)
    }
}
