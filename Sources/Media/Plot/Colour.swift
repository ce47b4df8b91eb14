/// An sRGB colour; components in [0, 1].
public struct Colour: Sendable, Hashable {
    public var red: Float
    public var green: Float
    public var blue: Float

    public init(red: Float, green: Float, blue: Float) {
        self.red = red
        self.green = green
        self.blue = blue
    }

    /// A colour as in HTML: 0xRRGGBB.
    public init(_ code: UInt32) {
        self.init(
            red: Float(code >> 16 & 0xFF) / 255, green: Float(code >> 8 & 0xFF) / 255, blue: Float(code & 0xFF) / 255)
    }

    public static let white = Colour(0xFFFFFF)
    public static let ink = Colour(0x2B2F36)
    public static let rule = Colour(0xE4E7EB)
    public static let grey = Colour(0x9AA3AF)
    public static let blue = Colour(0x2F6DB5)
    public static let orange = Colour(0xE07B28)
    public static let green = Colour(0x3B9659)
}

/// A point in a plot's data or on a canvas.
public struct Point: Sendable, Hashable {
    public var x: Double
    public var y: Double

    public init(_ x: Double, _ y: Double) {
        self.x = x
        self.y = y
    }

    var isFinite: Bool { x.isFinite && y.isFinite }
}
