import Glibc

/// The band that minidiffusion's spiral fills, in the data's own coordinates (not standardized).
public enum Spiral {
    static let width = 0.15

    static func innerRadius(u: Double) -> Double { 0.25 + 0.65 * u }

    static func angle(u: Double) -> Double { 3 * Double.pi * u }

    /// The distance from (x, y) to the nearest place of the band; 0 within it.
    public static func distance(x: Double, y: Double) -> Double {
        // The band is the union over u in [0, 1] of straight pieces along a ray. The distance to the piece at u is smooth but for
        // few places, so a grid finds the right turn and a ternary search the place on it.
        let steps = 600
        let nearest = (0...steps).min {
            distance(x, y, u: Double($0) / Double(steps)) < distance(x, y, u: Double($1) / Double(steps))
        }
        var low = max(0, Double((nearest ?? 0) - 1) / Double(steps))
        var high = min(1, Double((nearest ?? 0) + 1) / Double(steps))
        for _ in 0..<40 {
            let (a, b) = (low + (high - low) / 3, high - (high - low) / 3)
            if distance(x, y, u: a) <= distance(x, y, u: b) { high = b } else { low = a }
        }
        return distance(x, y, u: (low + high) / 2)
    }

    /// The distance to the piece at `u`.
    private static func distance(_ x: Double, _ y: Double, u: Double) -> Double {
        let (along, across) = (x * cos(angle(u: u)) + y * sin(angle(u: u)), y * cos(angle(u: u)) - x * sin(angle(u: u)))
        let radius = min(max(along, innerRadius(u: u)), innerRadius(u: u) + width)
        return hypot(along - radius, across)
    }
}
