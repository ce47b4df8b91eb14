import Configurations
import Media
import TensorCore

/// The classes of the synthetic set `shapes`; their numbers are their labels.
public enum FlatShape: String, Sendable, CaseIterable {
    case disc, square, triangle

    /// The area of the shape whose circumscribed circle has radius 1.
    var unitArea: Double {
        switch self {
        case .disc: Double.pi
        case .square: 2
        case .triangle: 3 * 3.0.squareRoot() / 4
        }
    }

    /// The signed distance (negative inside) from (x, y), y downwards, to the outline of the shape around the origin whose
    /// circumscribed circle has the given radius. Squares lie flat, triangles point up.
    func distance(_ x: Double, _ y: Double, radius: Double) -> Double {
        switch self {
        case .disc: (x * x + y * y).squareRoot() - radius
        case .square: max(abs(x), abs(y)) - radius * 0.5.squareRoot()
        // Three half planes at half the radius.
        case .triangle: max(y, abs(x) * 0.75.squareRoot() - y / 2) - radius / 2
        }
    }

    /// How much of the pixel at column `x` and row `y` the shape covers.
    func coverage(column: Int, row: Int, centre: (x: Double, y: Double), radius: Double) -> Double {
        let edge = distance(Double(column) + 0.5 - centre.x, Double(row) + 0.5 - centre.y, radius: radius)
        return min(max(0.5 - edge, 0), 1)
    }
}

/// One shape of a strong colour, of random size and place, on a dark or light ground; image i is a function of (seed, i).
struct ShapeImages: SampleSource {
    let count: Int
    let resolution: Int
    let channels: Int
    let seed: UInt64

    var isInMemory: Bool { false }

    /// The classes take turns.
    static func label(_ index: Int) -> Int { index % FlatShape.allCases.count }

    func sample(_ index: Int, warn: (String) -> Void) -> Sample { Sample(image(index)) }

    func image(_ index: Int) -> Image {
        var random = Philox(seed: seed, purpose: .dataset, sample: index)
        func uniform(_ low: Double, _ high: Double) -> Double { low + (high - low) * Double(random.uniform()) }
        let shape = FlatShape.allCases[Self.label(index)]
        // All shapes have areas in the same range: a disc's radius is 16 to 30 % of the side. All lie within the picture.
        let side = Double(resolution)
        let radius = uniform(0.16, 0.3) * side * (Double.pi / shape.unitArea).squareRoot()
        let centre = (x: uniform(radius, side - radius), y: uniform(radius, side - radius))
        let isDark = random.nextUInt32() & 1 == 0
        let ground = Colour(grey: isDark ? uniform(0, 0.12) : uniform(0.88, 1))
        let ink =
            if channels == 1 {
                Colour(grey: isDark ? uniform(0.55, 1) : uniform(0, 0.45))
            } else {
                // On a light ground yellow and cyan must be darker to stand out.
                Colour(
                    hue: uniform(0, 1), saturation: uniform(0.75, 1),
                    value: isDark ? uniform(0.75, 1) : uniform(0.55, 0.85))
            }

        return shape.image(
            resolution: resolution, channels: channels, centre: centre, radius: radius, ground: ground, ink: ink)
    }
}

extension FlatShape {
    /// The shape on a ground, with smooth edges.
    func image(
        resolution: Int, channels: Int, centre: (x: Double, y: Double), radius: Double, ground: Colour, ink: Colour
    ) -> Image {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(resolution * resolution * channels)
        let (from, to) = (ground.components(channels), ink.components(channels))
        for row in 0..<resolution {
            for column in 0..<resolution {
                let alpha = Float(coverage(column: column, row: row, centre: centre, radius: radius))
                for channel in 0..<channels {
                    bytes.append(UInt8(((from[channel] + alpha * (to[channel] - from[channel])) * 255).rounded()))
                }
            }
        }
        return Image(width: resolution, height: resolution, channels: channels, bytes: bytes)
    }
}

extension Colour {
    init(grey: Double) { self.init(red: Float(grey), green: Float(grey), blue: Float(grey)) }

    /// From hue, saturation and value, each in [0, 1].
    init(hue: Double, saturation: Double, value: Double) {
        func component(_ shift: Double) -> Float {
            let sextant = (shift + 6 * hue).truncatingRemainder(dividingBy: 6)
            return Float(value * (1 - saturation * max(0, min(sextant, 4 - sextant, 1))))
        }
        self.init(red: component(5), green: component(3), blue: component(1))
    }

    func components(_ channels: Int) -> [Float] { channels == 1 ? [red] : [red, green, blue] }
}
