internal import Foundation

/// Sums of numbers that come one by one, in their order: what a mean and its error follow from.
public struct Moments: Sendable, Hashable, Codable {
    public private(set) var count = 0
    private var sum = 0.0
    private var squares = 0.0

    public init() {}

    mutating func add(_ value: Double) {
        count += 1
        sum += value
        squares += value * value
    }

    /// 0 of nothing.
    public var mean: Double { count == 0 ? 0 : sum / Double(count) }

    /// The standard error of the mean, as if the numbers were drawn independently; nil for fewer than two.
    public var standardError: Double? {
        guard count > 1 else { return nil }
        let variance = (squares - sum * mean) / Double(count - 1)
        return (max(variance, 0) / Double(count)).squareRoot()
    }
}
