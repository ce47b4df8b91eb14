import Problems
import TensorCore
import TestSupport
import Testing

@Suite struct SymmetricMatrixTests {
    @Test func addsProductsOfRows() {
        var matrix = SymmetricMatrix(count: 2)
        matrix.add(0.5, productsOf: [1, 2, 3, 4])
        #expect(matrix.elements == [5, 7, 7, 10] && matrix.trace == 15 && matrix[0, 1] == 7)
        matrix.add(1, productsOf: [1, 0])
        #expect(matrix.elements == [6, 7, 7, 10])
    }

    @Test func findsEigenvalues() throws {
        // 3 - sqrt 5 and 3 + sqrt 5; what stands above the diagonal does not count.
        let values = try SymmetricMatrix(count: 2, elements: [2, 9, 2, 4]).eigenvalues()
        #expect(relativeError(values, [0.7639320225002102, 5.23606797749979]) < 1e-14)
        #expect(throws: Problem.self) { try SymmetricMatrix(count: 2, elements: [2, 0, .nan, 4]).eigenvalues() }
    }

    /// A product of commuting matrices has the product of their roots for its root.
    @Test(arguments: [1, 2, 60]) func findsTheTraceOfARoot(count: Int) throws {
        var random = SeededGenerator(seed: UInt64(count))
        let rows = (0..<count * count).map { _ in Double.random(in: -1...1, using: &random) }
        var square = SymmetricMatrix(count: count)
        square.add(1, productsOf: rows)
        let own = try SymmetricMatrix.traceOfSquareRoot(ofProduct: square, square)
        #expect(abs(own / square.trace - 1) < 1e-10)

        var identity = SymmetricMatrix(count: count)
        for index in 0..<count {
            var row = [Double](repeating: 0, count: count)
            row[index] = 2
            identity.add(1, productsOf: row)
        }
        let roots = try square.eigenvalues().reduce(0) { $0 + max($1, 0).squareRoot() }
        #expect(abs(try SymmetricMatrix.traceOfSquareRoot(ofProduct: square, identity) / (2 * roots) - 1) < 1e-10)
    }

    /// Of a few rows X and Y the trace is the sum of the singular values of X Y^T: here, with one row each, its only element.
    @Test func directionsOfNothingButRoundingDontCount() throws {
        var random = SeededGenerator(seed: 5)
        let x = (0..<300).map { _ in Double.random(in: -1000...1000, using: &random) }
        let y = (0..<300).map { _ in Double.random(in: -1000...1000, using: &random) }
        var (a, b) = (SymmetricMatrix(count: 300), SymmetricMatrix(count: 300))
        a.add(1, productsOf: x)
        b.add(1, productsOf: y)
        let expected = abs(zip(x, y).reduce(0) { $0 + $1.0 * $1.1 })
        #expect(abs(try SymmetricMatrix.traceOfSquareRoot(ofProduct: a, b) / expected - 1) < 1e-9)
    }

    @Test func singularMatricesAreNoTrouble() throws {
        var one = SymmetricMatrix(count: 3)
        one.add(1, productsOf: [1, 1, 0])
        let zero = SymmetricMatrix(count: 3)
        #expect(try SymmetricMatrix.traceOfSquareRoot(ofProduct: one, zero) == 0)
        #expect(abs(try SymmetricMatrix.traceOfSquareRoot(ofProduct: one, one) - 2) < 1e-12)
    }
}
