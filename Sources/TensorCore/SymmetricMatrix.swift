internal import COpenBLAS
public import Problems

/// A symmetric matrix in double precision: covariances, and what is made of them. All on the calling thread and in a fixed order.
public struct SymmetricMatrix: Sendable {
    /// Rows, and columns.
    public let count: Int
    /// Row after row; what lies above the diagonal means nothing.
    private var lower: [Double]

    /// A matrix of zeros.
    public init(count: Int) { self.init(count: count, elements: [Double](repeating: 0, count: count * count)) }

    /// - Parameter elements: row after row; where the halves differ, which rounding makes them do, the lower one counts.
    public init(count: Int, elements: [Double]) {
        precondition(count > 0 && elements.count == count * count, "\(elements.count) elements in \(count) rows")
        self.count = count
        lower = elements
    }

    public subscript(row: Int, column: Int) -> Double { lower[max(row, column) * count + min(row, column)] }

    /// Row after row, both halves.
    public var elements: [Double] {
        var elements = lower
        for row in 0..<count {
            for column in 0..<row { elements[column * count + row] = lower[row * count + column] }
        }
        return elements
    }

    public var trace: Double { (0..<count).reduce(0) { $0 + self[$1, $1] } }

    /// Adds `factor` times the sum of r r^T over the rows r of a matrix.
    ///
    /// - Parameter rows: (n, count).
    public mutating func add(_ factor: Double, productsOf rows: [Double]) {
        let n = rows.count / count
        precondition(n * count == rows.count, "rows of \(count) elements")
        cblas_dsyrk(
            CblasRowMajor, CblasLower, CblasTrans, blasint(count), blasint(n), factor, rows, blasint(count), 1,
            &lower, blasint(count))
    }

    private var isFinite: Bool {
        (0..<count).allSatisfy { row in lower[row * count...row * count + row].allSatisfy(\.isFinite) }
    }

    /// The eigenvalues, ascending.
    ///
    /// - Throws: `numerical` where they are not found, because elements are not finite.
    public func eigenvalues() throws(Problem) -> [Double] { try decomposed(vectors: false).values }

    /// tr((A B)^1/2) of two matrices without negative eigenvalues but for rounding: with A = R R^T, A B has the eigenvalues of R^T B R,
    /// which is symmetric. Directions in which A is nothing but rounding are left out, whose roots would be far larger than they are: of
    /// two singular matrices the one of lower rank is best given first.
    ///
    /// - Throws: `numerical`, as `eigenvalues`.
    public static func traceOfSquareRoot(ofProduct a: SymmetricMatrix, _ b: SymmetricMatrix) throws(Problem) -> Double {
        precondition(a.count == b.count, "matrices of \(a.count) and \(b.count) rows have no product")
        let n = a.count
        let (values, vectors) = try a.decomposed(vectors: true)
        let least = Double(n) * Double.ulpOfOne * max(values[n - 1], 0)
        guard let first = values.firstIndex(where: { $0 > least }) else { return 0 }
        var root = Array(vectors[(first * n)...])  // (rank, n)
        for index in root.indices { root[index] *= values[first + index / n].squareRoot() }
        let rank = n - first
        let half = product(root, b.elements, rows: rank, inner: n, columns: n)  // (rank, n)
        let inner = product(half, root, rows: rank, inner: n, columns: rank, transposesSecond: true)  // (rank, rank)
        return try SymmetricMatrix(count: rank, elements: inner).eigenvalues().reduce(0) {
            $0 + max($1, 0).squareRoot()
        }
    }

    /// Eigenvalues, ascending, and as rows the vectors that belong to them.
    private func decomposed(vectors: Bool) throws(Problem) -> (values: [Double], vectors: [Double]) {
        func failure(_ cause: String) -> Problem {
            Problem(
                .numerical, "the eigenvalues of a matrix of \(count) rows cannot be found",
                remedy: "Look for values that are not numbers, or beyond all measure, in what it was made from.",
                cause: cause)
        }
        guard isFinite else { throw failure("an element is not finite") }
        var n = blasint(count)
        var values = [Double](repeating: 0, count: count)
        var matrix = lower
        var (info, size, integerSize) = (blasint(0), blasint(-1), blasint(-1))
        var (work, integerWork) = ([0.0], [blasint(0)])
        let job = vectors ? "V" : "N"
        // The lower half of rows is the upper half of columns, as LAPACK sees them. First it tells how much room it wants.
        for _ in 0..<2 {
            dsyevd_(job, "U", &n, &matrix, &n, &values, &work, &size, &integerWork, &integerSize, &info)
            guard info == 0 else { break }
            guard size < 0 else { return (values, matrix) }
            (size, integerSize) = (blasint(work[0]), integerWork[0])
            work = [Double](repeating: 0, count: Int(size))
            integerWork = [blasint](repeating: 0, count: Int(integerSize))
        }
        throw failure("dsyevd gives \(info)")
    }

    /// A B or A B^T, (rows, columns).
    private static func product(
        _ a: [Double], _ b: [Double], rows: Int, inner: Int, columns: Int, transposesSecond: Bool = false
    ) -> [Double] {
        var c = [Double](repeating: 0, count: rows * columns)
        cblas_dgemm(
            CblasRowMajor, CblasNoTrans, transposesSecond ? CblasTrans : CblasNoTrans, blasint(rows), blasint(columns),
            blasint(inner), 1, a, blasint(inner), b, blasint(transposesSecond ? inner : columns), 0, &c,
            blasint(columns))
        return c
    }
}
