public import Problems
internal import TensorCore

/// The Frechet distance of two normal distributions, squared as it is usual: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2) (Dowson & Landau
/// 1982; Heusel et al. 2017, equation 6).
public struct FrechetDistance: Sendable, Hashable {
    /// |m1 - m2|^2.
    public let means: Double
    /// tr(C1 + C2 - 2 (C1 C2)^1/2).
    public let covariances: Double

    /// Never below 0, which rounding would make it for sets that are the same.
    public var value: Double { max(means + covariances, 0) }

    /// - Throws: `invalid` for features of different kinds or numbers; `numerical` for values beyond all measure.
    public init(_ a: FeatureStatistics, _ b: FeatureStatistics) throws(Problem) {
        try Self.check(Features(a), Features(b))
        means = zip(a.mean, b.mean).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        // The covariance of fewer pictures is of lower rank.
        let (lower, other) = a.count ?? .max <= b.count ?? .max ? (a, b) : (b, a)
        let root = try SymmetricMatrix.traceOfSquareRoot(ofProduct: lower.covariance, other.covariance)
        covariances = a.covariance.trace + b.covariance.trace - 2 * root
    }

    /// What statistics are of, as far as it is known.
    public struct Features: Sendable, Hashable {
        public let kind: FeatureKind?
        public let count: Int

        public init(kind: FeatureKind?, count: Int) { (self.kind, self.count) = (kind, count) }

        public init(_ statistics: FeatureStatistics) {
            self.init(kind: statistics.kind, count: statistics.mean.count)
        }

        fileprivate var description: String {
            guard let kind else { return "\(count) features of a kind that is not told" }
            return "\(count) features \(kind.name.rawValue)"
                + (kind.weights.map { " of weights \($0.prefix(12))" } ?? "")
        }
    }

    /// - Throws: `invalid` for features of different kinds or numbers.
    public static func check(_ a: Features, _ b: Features) throws(Problem) {
        let isSameKind = a.kind == nil || b.kind == nil || a.kind == b.kind
        guard a.count == b.count, isSameKind else {
            throw Problem(
                .invalid, "the two sets cannot be compared: \(a.description), and \(b.description)",
                remedy: "Compute both with the same inception weights, or both without.")
        }
    }
}
