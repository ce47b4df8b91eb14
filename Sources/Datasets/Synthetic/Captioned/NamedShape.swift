/// The shapes that captions of the synthetic set `captioned_shapes` name.
public enum NamedShape: String, Sendable, CaseIterable {
    case disc, square, triangle, cross
    /// Never drawn in the set: left for a model trained on the others to learn.
    case ring

    /// Those of the set.
    public static let drawn: [NamedShape] = [.disc, .square, .triangle, .cross]

    /// The area of the shape in the smallest square of side 1 that holds it.
    var unitArea: Double {
        switch self {
        case .disc: Double.pi / 4
        case .square: 1
        case .triangle: 3.0.squareRoot() / 4
        // Five of nine squares.
        case .cross: 5.0 / 9
        // The hole has half the diameter.
        case .ring: Double.pi * 3 / 16
        }
    }

    /// How far the centre of area lies below the middle of that square.
    var centreOffset: Double { self == .triangle ? 1 / 3.0.squareRoot() - 3.0.squareRoot() / 4 : 0 }

    /// The signed distance (negative inside) from (x, y), y downwards, to the outline of the shape around its centre of
    /// area.
    ///
    /// - Parameter extent: the side of the smallest square that holds the shape.
    func distance(_ x: Double, _ y: Double, extent: Double) -> Double {
        switch self {
        case .disc: FlatShape.disc.distance(x, y, radius: extent / 2)
        case .square: FlatShape.square.distance(x, y, radius: extent * 0.5.squareRoot())
        case .triangle: FlatShape.triangle.distance(x, y, radius: extent / 3.0.squareRoot())
        // The nearer of two bars.
        case .cross: max(min(abs(x), abs(y)) - extent / 6, max(abs(x), abs(y)) - extent / 2)
        case .ring: abs((x * x + y * y).squareRoot() - extent * 3 / 8) - extent / 8
        }
    }

    /// How much of the pixel at column `x` and row `y` the shape covers.
    func coverage(column: Int, row: Int, centre: (x: Double, y: Double), extent: Double) -> Double {
        let edge = distance(Double(column) + 0.5 - centre.x, Double(row) + 0.5 - centre.y, extent: extent)
        return min(max(0.5 - edge, 0), 1)
    }
}
