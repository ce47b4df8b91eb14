/// The largest difference over the largest value that was expected: max |a - b| / max |b|. Infinite when the counts differ,
/// or when one has a NaN or an infinity where the other has not the same; 0 for equal arrays.
public func relativeError(_ a: [Float], _ b: [Float]) -> Double {
    relativeError(a.map(Double.init), b.map(Double.init))
}

/// `relativeError` of doubles.
public func relativeError(_ a: [Double], _ b: [Double]) -> Double {
    guard a.count == b.count else { return .infinity }
    var difference = 0.0
    var largest = 0.0
    for (x, y) in zip(a, b) {
        if x.isFinite && y.isFinite {
            difference = max(difference, abs(x - y))
            largest = max(largest, abs(y))
        } else if !(x == y || x.isNaN && y.isNaN) {
            return .infinity
        }
    }
    return difference == 0 ? 0 : difference / largest
}
