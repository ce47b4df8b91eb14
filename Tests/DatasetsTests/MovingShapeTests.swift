import Datasets
import Media
import Testing

/// The rule by which carried-on clips are judged, on pictures whose answer is known.
@Suite("where a moving shape is, and its colour") struct MovingShapeTests {
    private static let ground: [UInt8] = [8, 9, 10]
    private static let ink: [UInt8] = [204, 51, 102]

    /// A square of 5 pixels a side.
    private func square(left: Int, top: Int, ink: [UInt8] = ink, side: Int = 16) -> Image {
        let bytes = (0..<side * side).flatMap { pixel -> [UInt8] in
            let (row, column) = pixel.quotientAndRemainder(dividingBy: side)
            return (left..<left + 5).contains(column) && (top..<top + 5).contains(row) ? ink : Self.ground
        }
        return Image(width: side, height: side, channels: 3, bytes: bytes)
    }

    @Test("a square has its middle and its colour") func exact() throws {
        let shape = try #require(MovingShape(in: square(left: 3, top: 6)))
        #expect(abs(shape.x - 5.5) < 1e-9 && abs(shape.y - 8.5) < 1e-9)
        for (channel, expected) in zip(shape.colour, [0.8, 0.2, 0.4]) { #expect(abs(channel - expected) < 1e-9) }
    }

    @Test("a shape that is elsewhere, or of another colour, differs by so much") func differences() throws {
        let shape = try #require(MovingShape(in: square(left: 3, top: 6)))
        let moved = try #require(MovingShape(in: square(left: 6, top: 2)))
        #expect(abs(shape.distance(to: moved) - 5) < 1e-9 && shape.colourDifference(to: moved) < 1e-9)
        let paler = try #require(MovingShape(in: square(left: 3, top: 6, ink: [204, 51, 153])))
        #expect(abs(shape.colourDifference(to: paler) - 0.2) < 1e-9 && shape.distance(to: paler) < 1e-9)
    }

    @Test("ground and noise show no shape") func nothing() {
        let blank = Image(width: 16, height: 16, channels: 3, bytes: [UInt8](repeating: 20, count: 768))
        #expect(MovingShape(in: blank) == nil)
        let faint = square(left: 3, top: 6, ink: [30, 30, 30])
        #expect(MovingShape(in: faint) == nil)
    }

    @Test("in the clips of the synthetic set it is where it is told to be, in one colour") func clips() throws {
        let set = MovingShapes(frames: 12, resolution: 32, seed: 1_000_003)
        for index in 0..<24 {
            let shapes = try set.clip(index).map { try #require(MovingShape(in: $0)) }
            for (frame, shape) in shapes.enumerated() {
                let centre = set.centre(of: index, frame: frame)
                let distance =
                    ((shape.x - centre.x) * (shape.x - centre.x) + (shape.y - centre.y) * (shape.y - centre.y))
                    .squareRoot()
                #expect(distance < 0.75, "clip \(index), frame \(frame): \(distance) pixels")
                // Pixels of the edge that are nearly covered count as whole.
                #expect(shape.colourDifference(to: shapes[0]) < 0.03)
            }
        }
    }
}
