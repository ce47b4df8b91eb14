/// A number of bytes as people write it in job files and in settings: digits, up to three more after a point, perhaps a space, and a unit, such as
/// `4GiB`, `1.5 GiB` or `512MB`.
public struct ByteSize: Sendable, Hashable {
    public enum Unit: String, Sendable, CaseIterable {
        case bytes = "B"
        case kB
        case k = "K"
        case kiB = "KiB"
        case mB = "MB"
        case m = "M"
        case miB = "MiB"
        case gB = "GB"
        case g = "G"
        case giB = "GiB"
        case tB = "TB"
        case t = "T"
        case tiB = "TiB"

        /// Bytes. One letter means the binary unit.
        public var factor: Int {
            switch self {
            case .bytes: 1
            case .kB: 1000
            case .k, .kiB: 1 << 10
            case .mB: 1_000_000
            case .m, .miB: 1 << 20
            case .gB: 1_000_000_000
            case .g, .giB: 1 << 30
            case .tB: 1_000_000_000_000
            case .t, .tiB: 1 << 40
            }
        }
    }

    /// All units, for messages.
    public static let unitNames = Unit.allCases.map(\.rawValue).joined(separator: ", ")

    /// The digits before the point, and those after it.
    public let whole: String
    public let fraction: String
    public let unit: Unit

    /// Nil when the text is no such number.
    public init?(_ text: String) {
        func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
        var rest = text.utf8[...]
        let whole = rest.prefix(while: isDigit)
        rest = rest.dropFirst(whole.count)
        var fraction = rest[..<rest.startIndex]
        if rest.first == UInt8(ascii: ".") {
            fraction = rest.dropFirst().prefix(while: isDigit)
            guard !fraction.isEmpty else { return nil }
            rest = rest.dropFirst(1 + fraction.count)
        }
        if rest.first == UInt8(ascii: " ") { rest = rest.dropFirst() }
        guard (1...15).contains(whole.count), fraction.count <= 3, let unit = Unit(rawValue: String(Substring(rest))),
            unit != .bytes || fraction.isEmpty
        else { return nil }
        self.whole = String(Substring(whole))
        self.fraction = String(Substring(fraction))
        self.unit = unit
    }

    /// Nil where there are too many to count.
    public var count: Int? {
        guard let whole = Int(whole, radix: 10) else { return nil }
        let (bytes, overflows) = whole.multipliedReportingOverflow(by: unit.factor)
        let thousandths = Int(fraction + String(repeating: "0", count: 3 - fraction.count), radix: 10) ?? 0
        // At most 999 times 2^40.
        let (sum, carries) = bytes.addingReportingOverflow((thousandths * unit.factor + 500) / 1000)
        return overflows || carries ? nil : sum
    }
}
