import CLCMS

extension Image {
    /// The image in sRGB, from the colours of an ICC profile, perceptually. A profile that moves no colour by more than
    /// a level of 255 leaves it as it is. Nil for a profile of other colours than the image has.
    func converted(fromProfile profile: [UInt8]) -> Image? {
        let count = width * height
        switch depth {
        case .eight:
            var converted = [UInt8](repeating: 0, count: samples.count)
            switch clcms_to_srgb(profile, profile.count, bytes, &converted, count, Int32(channels), 1) {
            case CLCMS_CONVERTED: return Image(width: width, height: height, channels: channels, bytes: converted)
            case CLCMS_IS_SRGB: return self
            default: return nil
            }
        case .sixteen:
            var converted = [UInt16](repeating: 0, count: samples.count)
            switch clcms_to_srgb(profile, profile.count, samples, &converted, count, Int32(channels), 2) {
            case CLCMS_CONVERTED:
                return Image(width: width, height: height, channels: channels, depth: .sixteen, samples: converted)
            case CLCMS_IS_SRGB: return self
            default: return nil
            }
        }
    }
}

/// Ink as Adobe's programs write it: 255 is none.
enum InvertedCMYK {
    /// The colours of ink (N, 4) as RGB (N, 3), by its profile; without one that fits, as if inks were filters.
    static func rgb(_ ink: [UInt8], profile: [UInt8]?) -> [UInt8] {
        if let profile {
            var rgb = [UInt8](repeating: 0, count: ink.count / 4 * 3)
            let status = clcms_ink_to_srgb(profile, profile.count, ink, &rgb, ink.count / 4)
            if status == CLCMS_CONVERTED { return rgb }
        }
        var light: [UInt8] = []
        light.reserveCapacity(ink.count / 4 * 3)
        for pixel in stride(from: 0, to: ink.count, by: 4) {
            let black = Int(ink[pixel + 3])
            for channel in pixel..<pixel + 3 { light.append(UInt8((Int(ink[channel]) * black + 127) / 255)) }
        }
        return light
    }
}
