internal import Configurations
internal import Media

/// Clips as they can be looked at on paper.
enum Filmstrip {
    /// More frames of a clip are not shown.
    private static let length = 12

    /// The frames of a clip as the model makes it, (T, H, W, C) in [-1, 1].
    static func frames(of values: [Float], _ shape: SampleShape) -> [Image] {
        guard case .video(let count, let size, let channels) = shape else {
            preconditionFailure("only clips have frames")
        }
        let length = values.count / count
        return (0..<count).map {
            Image(
                width: size.width, height: size.height, channels: channels,
                signed: Array(values[$0 * length..<($0 + 1) * length]))
        }
    }

    /// A row for each clip, of frames spread evenly over it, the first and the last among them.
    static func picture(_ clips: [[Image]]) -> Image {
        let columns = min(clips.map(\.count).min() ?? 1, length)
        return .grid(
            clips.flatMap { clip in
                (0..<columns).map { clip[columns == 1 ? 0 : $0 * (clip.count - 1) / (columns - 1)] }
            }, columns: columns)
    }
}
