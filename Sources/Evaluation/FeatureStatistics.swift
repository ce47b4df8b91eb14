public import TensorCore

/// Mean and covariance of the features of a set of pictures.
public struct FeatureStatistics: Sendable {
    public let mean: [Double]
    /// Divided by the number of pictures less one.
    public let covariance: SymmetricMatrix
    /// Pictures; nil where a file does not say it.
    public let count: Int?
    /// Nil where a file does not say it.
    public let kind: FeatureKind?

    /// - Parameters:
    ///   - mean: as many numbers as `covariance` has rows.
    ///   - count: pictures, where that is known.
    ///   - kind: of the features, where that is known.
    public init(mean: [Double], covariance: SymmetricMatrix, count: Int?, kind: FeatureKind?) {
        precondition(mean.count == covariance.count, "as many means as rows")
        self.mean = mean
        self.covariance = covariance
        self.count = count
        self.kind = kind
    }

    /// Statistics in two passes over the features, in double: the mean first, then the products of what differs from it.
    ///
    /// - Parameters:
    ///   - count: pictures, at least 2.
    ///   - blocks: of features (n, D), all pictures in a fixed order, blocks of a fixed size.
    public init(
        _ kind: FeatureKind, count: Int, blocks: Int, features block: (Int) throws -> Tensor
    ) rethrows {
        precondition(count >= 2, "a single picture has no covariance")
        let size = kind.count
        func rows(_ number: Int) throws -> [Double] { try block(number).array().map(Double.init) }
        var sums = [Double](repeating: 0, count: size)
        for number in 0..<blocks {
            for (index, value) in try rows(number).enumerated() { sums[index % size] += value }
        }
        let mean = sums.map { $0 / Double(count) }
        var covariance = SymmetricMatrix(count: size)
        for number in 0..<blocks {
            var rows = try rows(number)
            for index in rows.indices { rows[index] -= mean[index % size] }
            covariance.add(1 / Double(count - 1), productsOf: rows)
        }
        self.init(mean: mean, covariance: covariance, count: count, kind: kind)
    }

    /// Whether there are too few pictures for a covariance of full rank, so that distances come out too large.
    public var isSingular: Bool { count.map { $0 < mean.count + 1 } ?? false }
}
