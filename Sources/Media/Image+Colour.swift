extension Image {
    /// The image without its alpha channel, composited over white.
    public var flattened: Image {
        guard channels == 2 || channels == 4 else { return self }
        let colours = channels - 1
        let white = UInt32(depth.maximum)
        var flat: [UInt16] = []
        flat.reserveCapacity(width * height * colours)
        for pixel in stride(from: 0, to: samples.count, by: channels) {
            let alpha = UInt32(samples[pixel + colours])
            for channel in pixel..<pixel + colours {
                // alpha c + (1 - alpha) white, rounded; the largest product, 65535^2, fits.
                let sum = alpha * UInt32(samples[channel]) + (white - alpha) * white
                flat.append(UInt16(sum / white + (sum % white > white / 2 ? 1 : 0)))
            }
        }
        return Image(width: width, height: height, channels: colours, depth: depth, samples: flat)
    }

    /// The image with 1 or 3 channels and no alpha. Grey is the luma of ITU-R BT.601, 0.299 R + 0.587 G + 0.114 B.
    public func converted(toChannels wanted: Int) -> Image {
        precondition(wanted == 1 || wanted == 3, "grey or RGB")
        let source = flattened
        switch (source.channels, wanted) {
        case (1, 3):
            let samples = source.samples.flatMap { [$0, $0, $0] }
            return Image(width: width, height: height, channels: 3, depth: depth, samples: samples)
        case (3, 1):
            let samples = stride(from: 0, to: source.samples.count, by: 3).map { pixel -> UInt16 in
                let red = UInt32(source.samples[pixel])
                let green = UInt32(source.samples[pixel + 1])
                let blue = UInt32(source.samples[pixel + 2])
                // 16-bit fixed point: the weights add up to 2^16.
                return UInt16((UInt64(19595) * UInt64(red) + 38470 * UInt64(green) + 7471 * UInt64(blue) + 32768) >> 16)
            }
            return Image(width: width, height: height, channels: 1, depth: depth, samples: samples)
        default:
            return source
        }
    }
}
