/// A model of the DiT paper: a size and a patch size (Peebles & Xie 2023, table 1).
public enum DiTPreset: String, Sendable, CaseIterable {
    case s2 = "S/2"
    case s4 = "S/4"
    case s8 = "S/8"
    case b2 = "B/2"
    case b4 = "B/4"
    case b8 = "B/8"
    case l2 = "L/2"
    case l4 = "L/4"
    case l8 = "L/8"
    case xl2 = "XL/2"
    case xl4 = "XL/4"
    case xl8 = "XL/8"

    /// Depth, width of a token, and attention heads.
    public var size: (layers: Int, width: Int, heads: Int) {
        switch self {
        case .s2, .s4, .s8: (12, 384, 6)
        case .b2, .b4, .b8: (12, 768, 12)
        case .l2, .l4, .l8: (24, 1024, 16)
        case .xl2, .xl4, .xl8: (28, 1152, 16)
        }
    }

    public var patchSize: Int {
        switch self {
        case .s2, .b2, .l2, .xl2: 2
        case .s4, .b4, .l4, .xl4: 4
        case .s8, .b8, .l8, .xl8: 8
        }
    }
}
