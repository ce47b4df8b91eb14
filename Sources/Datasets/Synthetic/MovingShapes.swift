public import Media
import TensorCore

/// How a shape of the synthetic set `moving_shapes` moves; the numbers are the clips' labels.
public enum ShapeMotion: String, Sendable, CaseIterable {
    case horizontal, vertical, diagonal
}

/// Clips of one shape of a strong colour on a dark ground that moves at a constant speed and bounces off the borders; clip i is a
/// function of (seed, i).
public struct MovingShapes: Sendable {
    public let frames: Int
    public let resolution: Int
    public let channels: Int
    public let seed: UInt64

    /// - Parameter channels: 1 or 3.
    public init(frames: Int, resolution: Int, channels: Int = 3, seed: UInt64) {
        self.frames = frames
        self.resolution = resolution
        self.channels = channels
        self.seed = seed
    }

    /// The motions take turns.
    public static func motion(of index: Int) -> ShapeMotion {
        ShapeMotion.allCases[index % ShapeMotion.allCases.count]
    }

    /// The frames of a clip.
    public func clip(_ index: Int) -> [Image] {
        let path = Path(self, index)
        return (0..<frames).map { frame in
            path.shape.image(
                resolution: resolution, channels: channels, centre: path.centre(frame), radius: path.radius,
                ground: path.ground, ink: path.ink)
        }
    }

    /// Where the shape of a clip is in a frame, which may lie beyond the clip's end: the middle of its circumscribed circle, in
    /// pixels.
    public func centre(of index: Int, frame: Int) -> (x: Double, y: Double) { Path(self, index).centre(frame) }

    /// What decides a clip.
    private struct Path {
        let shape: FlatShape
        let radius: Double
        let ground: Colour
        let ink: Colour
        let side: Double
        let start: (x: Double, y: Double)
        /// Pixels a frame.
        let velocity: (x: Double, y: Double)

        init(_ set: MovingShapes, _ index: Int) {
            var random = Philox(seed: set.seed, purpose: .dataset, sample: index)
            func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * Double(random.uniform()) }
            let side = Double(set.resolution)
            self.side = side
            shape = FlatShape.allCases[random.integer(below: FlatShape.allCases.count)]
            let radius = uniform(0.14, 0.2) * side * (Double.pi / shape.unitArea).squareRoot()
            self.radius = radius
            start = (uniform(radius, side - radius), uniform(radius, side - radius))
            func speed() -> Double { (random.nextUInt32() & 1 == 0 ? -1 : 1) * uniform(0.025, 0.07) * side }
            let both = (x: speed(), y: speed())
            velocity =
                switch MovingShapes.motion(of: index) {
                case .horizontal: (both.x, 0)
                case .vertical: (0, both.y)
                case .diagonal: both
                }
            ground = Colour(grey: uniform(0, 0.1))
            ink =
                set.channels == 1
                ? Colour(grey: uniform(0.55, 1))
                : Colour(hue: uniform(0, 1), saturation: uniform(0.75, 1), value: uniform(0.75, 1))
        }

        func centre(_ frame: Int) -> (x: Double, y: Double) {
            (place(start.x, velocity.x, frame), place(start.y, velocity.y, frame))
        }

        /// On a way there and back between the borders.
        private func place(_ start: Double, _ velocity: Double, _ frame: Int) -> Double {
            let length = side - 2 * radius
            var way = (start - radius + velocity * Double(frame)).truncatingRemainder(dividingBy: 2 * length)
            if way < 0 { way += 2 * length }
            return radius + (way <= length ? way : 2 * length - way)
        }
    }
}

/// The clips of `moving_shapes` as samples.
struct MovingShapeClips: SampleSource {
    let clips: MovingShapes
    let count: Int

    var isInMemory: Bool { false }

    func sample(_ index: Int, warn: (String) -> Void) -> Sample { .bytes(clips.clip(index).flatMap(\.bytes)) }
}
