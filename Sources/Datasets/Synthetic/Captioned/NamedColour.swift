import Media

/// The colours that captions of the synthetic set `captioned_shapes` name: the corners of the RGB cube but black, and
/// orange. Every two are at least 0.5 apart, of 1.
public enum NamedColour: String, Sendable, CaseIterable {
    case red, orange, yellow, green, cyan, blue, magenta, white

    /// At full brightness: the largest component is 1.
    var colour: Colour {
        switch self {
        case .red: Colour(red: 1, green: 0, blue: 0)
        case .orange: Colour(red: 1, green: 0.5, blue: 0)
        case .yellow: Colour(red: 1, green: 1, blue: 0)
        case .green: Colour(red: 0, green: 1, blue: 0)
        case .cyan: Colour(red: 0, green: 1, blue: 1)
        case .blue: Colour(red: 0, green: 0, blue: 1)
        case .magenta: Colour(red: 1, green: 0, blue: 1)
        case .white: Colour(grey: 1)
        }
    }

    /// The least brightness that is still called by a name, of 1.
    private static let leastBrightness = 0.6
    /// The farthest that a colour may be from a named one: a little more than half of the way to the next.
    private static let farthest = 0.3

    /// The nearest named colour, once brightness is left out; nil for what is dark, or near to none.
    ///
    /// - Parameter rgb: each from 0 to 1.
    init?(nearestTo rgb: [Double]) {
        guard let brightness = rgb.max(), brightness >= Self.leastBrightness else { return nil }
        let distances = Self.allCases.map { name in
            let squares = zip(rgb, name.colour.components(3)).map { value, component in
                (value / brightness - Double(component)) * (value / brightness - Double(component))
            }
            return (name: name, distance: squares.reduce(0, +).squareRoot())
        }
        guard let nearest = distances.min(by: { $0.distance < $1.distance }), nearest.distance <= Self.farthest else {
            return nil
        }
        self = nearest.name
    }
}
