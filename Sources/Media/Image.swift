/// A picture in memory: `height` rows of `width` pixels of `channels` interleaved samples (H, W, C), top left first.
///
/// As in Netpbm, samples are whole numbers from 0 to a maximum that says how deep they are, so a 16-bit PNG keeps its precision
/// and an 8-bit one is told apart from it. Samples are taken as sRGB; colour profiles and gamma chunks don't change them.
public struct Image: Sendable, Hashable {
    /// How deep the samples are.
    public enum Depth: UInt16, Sendable {
        case eight = 255
        case sixteen = 65535

        /// The sample value of white.
        public var maximum: UInt16 { rawValue }
    }

    public let width: Int
    public let height: Int
    /// 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA; alpha is not premultiplied.
    public let channels: Int
    public let depth: Depth
    /// (H, W, C), each in 0...depth.maximum.
    public private(set) var samples: [UInt16]

    /// An image of `height * width * channels` samples.
    public init(width: Int, height: Int, channels: Int, depth: Depth, samples: [UInt16]) {
        precondition(width > 0 && height > 0 && (1...4).contains(channels), "not the shape of an image")
        precondition(samples.count == width * height * channels, "as many samples as the shape says")
        self.width = width
        self.height = height
        self.channels = channels
        self.depth = depth
        self.samples = samples
    }

    /// An 8-bit image.
    public init(width: Int, height: Int, channels: Int, bytes: [UInt8]) {
        self.init(width: width, height: height, channels: channels, depth: .eight, samples: bytes.map(UInt16.init))
    }

    /// An 8-bit image of what a model works on: (H, W, C) in [-1, 1], clamped and rounded as diffusers does it (x / 2 + 0.5,
    /// half to even). A value that is not a number becomes black.
    public init(width: Int, height: Int, channels: Int, signed values: [Float]) {
        let samples = values.map { value -> UInt16 in
            let unit = value / 2 + 0.5
            return unit > 0 ? UInt16((min(unit, 1) * 255).rounded(.toNearestOrEven)) : 0
        }
        self.init(width: width, height: height, channels: channels, depth: .eight, samples: samples)
    }

    /// The samples of one pixel.
    public subscript(x: Int, y: Int) -> ArraySlice<UInt16> {
        let start = (y * width + x) * channels
        return samples[start..<start + channels]
    }

    /// The samples at 8 bits (H, W, C), rounded to nearest.
    public var bytes: [UInt8] {
        switch depth {
        case .eight: samples.map { UInt8(truncatingIfNeeded: $0) }
        case .sixteen: samples.map { UInt8((UInt32($0) + 128) / 257) }
        }
    }

    /// The samples as a model works on them: (H, W, C) in [-1, 1].
    public var signed: [Float] {
        let maximum = Float(depth.maximum)
        return samples.map { Float($0) / maximum * 2 - 1 }
    }
}
