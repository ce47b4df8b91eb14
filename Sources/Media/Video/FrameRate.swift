/// Frames in a second, as a fraction: 30000/1001 is exact.
public struct FrameRate: Sendable, Hashable {
    public let numerator: Int
    public let denominator: Int

    /// Nil unless both are above 0, small enough for every container, and the rate lies in 0.01...1000.
    public init?(_ numerator: Int, _ denominator: Int = 1) {
        guard numerator > 0, denominator > 0 else { return nil }
        let divisor = Self.commonDivisor(numerator, denominator)
        let (n, d) = (numerator / divisor, denominator / divisor)
        guard n <= 1_000_000_000, d <= 1_000_000_000, n <= 1000 * d, 100 * n >= d else { return nil }
        (self.numerator, self.denominator) = (n, d)
    }

    /// Reads `30000/1001`, `30000:1001` or `25`.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: text.contains(":") ? ":" : "/", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let numerator = Int(parts[0]),
            let denominator = parts.count == 2 ? Int(parts[1]) : 1
        else { return nil }
        self.init(numerator, denominator)
    }

    /// The nearest rate of thousandths; nil outside 0.01...1000.
    public init?(perSecond: Double) {
        guard perSecond >= 0.01, perSecond <= 1000 else { return nil }
        self.init(Int((perSecond * 1000).rounded()), 1000)
    }

    public var perSecond: Double { Double(numerator) / Double(denominator) }

    private static func commonDivisor(_ a: Int, _ b: Int) -> Int { b == 0 ? a : commonDivisor(b, a % b) }
}

extension FrameRate: CustomStringConvertible {
    public var description: String { denominator == 1 ? "\(numerator)" : "\(numerator)/\(denominator)" }
}
