public import StrictJSON

/// Height and width of an image in pixels; one number in JSON where they are equal, `[height, width]` otherwise.
public struct ImageSize: Sendable, Hashable {
    public var height: Int
    public var width: Int

    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }

    public init(_ side: Int) { self.init(height: side, width: side) }

    /// Longest side that a configuration may name.
    public static let maximumSide = 4096

    public static let form = Form<ImageSize>.either(
        .integer(in: 1...maximumSide), .list(.integer(in: 1...maximumSide), count: 2...2),
        isFirst: { $0.elements == nil }, { ImageSize($0) }, { ImageSize(height: $0[0], width: $0[1]) },
        write: { size in
            size.height == size.width
                ? JSONNode(.integer(size.height))
                : JSONNode(.array([JSONNode(.integer(size.height)), JSONNode(.integer(size.width))]))
        })
}

extension ImageSize: CustomStringConvertible {
    public var description: String { "\(height)x\(width)" }
}

/// The shape of one sample of data, without the batch dimension.
public enum SampleShape: Sendable, Hashable {
    /// (D)
    case point(dimension: Int)
    /// (H, W, C)
    case image(ImageSize, channels: Int)
    /// (T, H, W, C)
    case video(frames: Int, ImageSize, channels: Int)

    /// (D), (H, W, C) or (T, H, W, C).
    public var dimensions: [Int] {
        switch self {
        case .point(let dimension): [dimension]
        case .image(let size, let channels): [size.height, size.width, channels]
        case .video(let frames, let size, let channels): [frames, size.height, size.width, channels]
        }
    }

    /// Whether samples are single pictures.
    public var isImage: Bool { if case .image = self { true } else { false } }

    /// Size and channels of a picture or of a frame; nil for points.
    public var frame: (size: ImageSize, channels: Int)? {
        switch self {
        case .point: nil
        case .image(let size, let channels), .video(_, let size, let channels): (size, channels)
        }
    }

    public var elementCount: Int { dimensions.reduce(1, *) }
}
