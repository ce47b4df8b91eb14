import CKernels
import Testing

struct SoftmaxTests {
    static let shapes = [(0, 4), (1, 1), (3, 5), (2, 16), (4, 63), (5, 65), (2, 300)]

    @Test(arguments: shapes)
    func agreesWithTheReference(rows: Int, columns: Int) {
        let (ldx, ldy) = (columns + 2, columns + 1)
        let x = Floats(random: rows * ldx, in: -20...20, seed: 1, misalignedBy: 1)
        let (y, refY) = (Floats(count: rows * ldy, misalignedBy: 3), Floats(count: rows * ldy))
        let (lse, refLSE) = (Floats(count: rows), Floats(count: rows))
        ck_softmax(y.pointer, ldy, lse.pointer, x.pointer, ldx, 0.7, rows, columns)
        ck_ref_softmax(refY.pointer, ldy, refLSE.pointer, x.pointer, ldx, 0.7, rows, columns)
        expectAgreement(y, refY, relative: 4e-6, "softmax")
        expectAgreement(lse, refLSE, absolute: 1e-6, "log-sum-exp")
        let again = Floats(count: rows * ldy)
        ck_softmax_recompute(again.pointer, ldy, x.pointer, ldx, lse.pointer, 0.7, rows, columns)
        expectAgreement(again, refY, relative: 1e-5, "recomputed")
        ck_ref_softmax_recompute(refY.pointer, ldy, x.pointer, ldx, lse.pointer, 0.7, rows, columns)
        expectAgreement(again, refY, relative: 4e-6, "recomputed from the same log-sum-exp")
        ck_softmax(x.pointer, ldx, nil, x.pointer, ldx, 0.7, rows, columns)
        for r in 0..<rows {
            for c in 0..<columns { #expect(x.pointer[r * ldx + c] == y.pointer[r * ldy + c], "in place") }
        }
    }

    @Test(arguments: shapes)
    func gradientAgreesWithTheReference(rows: Int, columns: Int) {
        let y = Floats(random: rows * columns, in: 0...1, seed: 2, misalignedBy: 1)
        let dy = Floats(random: rows * columns, seed: 3)
        let delta = Floats(random: rows, seed: 4)
        let (dx, reference) = (Floats(count: y.count, misalignedBy: 1), Floats(count: y.count))
        ck_softmax_backward(
            dx.pointer, columns, dy.pointer, columns, y.pointer, columns, 0.7, rows, columns)
        ck_ref_softmax_backward(
            reference.pointer, columns, dy.pointer, columns, y.pointer, columns, 0.7, rows, columns)
        expectAgreement(dx, reference, absolute: 2e-5, "whole rows")
        ck_softmax_backward_block(
            dx.pointer, columns, dy.pointer, columns, y.pointer, columns, delta.pointer, 0.7, rows, columns)
        ck_ref_softmax_backward_block(
            reference.pointer, columns, dy.pointer, columns, y.pointer, columns, delta.pointer, 0.7, rows, columns)
        expectAgreement(dx, reference, absolute: 1e-6, "a block")
    }

    /// Attention over two blocks of keys with a running softmax is attention over all keys.
    @Test(arguments: [(1, 0), (7, 10), (64, 1), (20, 20)])
    func blocksMakeTheWholeSoftmax(first: Int, second: Int) {
        let (rows, size) = (3, 5)
        let columns = first + second
        let scores = Floats(random: rows * columns, in: -20...20, seed: 5)
        let values = Floats(random: columns * size, seed: 6)
        let (expected, lse) = (Floats(count: rows * columns), Floats(count: rows))
        ck_ref_softmax(expected.pointer, columns, lse.pointer, scores.pointer, columns, 0.5, rows, columns)

        let maximum = Floats([Float](repeating: -.infinity, count: rows))
        let (sum, correction) = (Floats(count: rows), Floats(count: rows))
        let (output, fastLSE) = (Floats(count: rows * size), Floats(count: rows))
        for (start, count) in [(0, first), (first, second)] {
            let (reference, referenceMaximum) = (Floats(scores.values), Floats(maximum.values))
            let (referenceSum, referenceCorrection) = (Floats(sum.values), Floats(count: rows))
            ck_ref_softmax_block(
                reference.pointer + start, columns, referenceMaximum.pointer, referenceSum.pointer,
                referenceCorrection.pointer, 0.5, rows, count)
            ck_softmax_block(
                scores.pointer + start, columns, maximum.pointer, sum.pointer, correction.pointer, 0.5, rows, count)
            expectAgreement(scores, reference, relative: 4e-6, "exponentials")
            expectAgreement(sum, referenceSum, relative: 4e-6, "sum")
            expectAgreement(correction, referenceCorrection, relative: 4e-6, "correction")
            ck_scale_rows(output.pointer, size, output.pointer, size, correction.pointer, rows, size)
            for r in 0..<rows {
                for k in start..<start + count {
                    for d in 0..<size {
                        output.pointer[r * size + d] += scores.pointer[r * columns + k] * values.pointer[k * size + d]
                    }
                }
            }
        }
        let plain = Floats(output.values)
        let plainLSE = Floats(count: rows)
        ck_ref_softmax_finish(plain.pointer, size, plainLSE.pointer, maximum.pointer, sum.pointer, rows, size)
        ck_softmax_finish(output.pointer, size, fastLSE.pointer, maximum.pointer, sum.pointer, rows, size)
        expectAgreement(output, plain, "finish")
        expectAgreement(fastLSE, plainLSE, "finish")
        expectAgreement(fastLSE, lse, absolute: 2e-6, "log-sum-exp")
        for r in 0..<rows {
            for d in 0..<size {
                let exact = (0..<columns).reduce(Float(0)) {
                    $0 + expected.pointer[r * columns + $1] * values.pointer[$1 * size + d]
                }
                #expect(abs(output.pointer[r * size + d] - exact) < 1e-5)
            }
        }
    }

    @Test func maskedAndBrokenScores() {
        let n = 40
        // Minus infinity is weight zero; a NaN spoils its row and no other.
        let x = Floats(random: 3 * n, seed: 7)
        for c in 0..<n where c % 2 == 1 { x.pointer[c] = -.infinity }
        x.pointer[n + 20] = .nan
        x.pointer[2 * n + 5] = 1e30
        let y = Floats(count: 3 * n)
        ck_softmax(y.pointer, n, nil, x.pointer, n, 1, 3, n)
        #expect((0..<n).allSatisfy { $0 % 2 == 0 ? y.pointer[$0] > 0 : y.pointer[$0] == 0 })
        #expect(y.values[n..<2 * n].allSatisfy { $0.isNaN })
        #expect((0..<n).allSatisfy { y.pointer[2 * n + $0] == ($0 == 5 ? 1 : 0) })

        // A block that is masked throughout leaves the running sum as it was.
        let masked = Floats([Float](repeating: -.infinity, count: n))
        let (maximum, sum, correction) = (Floats([-.infinity]), Floats([0]), Floats([0]))
        ck_softmax_block(masked.pointer, n, maximum.pointer, sum.pointer, correction.pointer, 1, 1, n)
        #expect(maximum.values == [-.infinity] && sum.values == [0] && masked.values.allSatisfy { $0 == 0 })
        let block = Floats([Float](repeating: 2, count: n))
        ck_softmax_block(block.pointer, n, maximum.pointer, sum.pointer, correction.pointer, 1, 1, n)
        #expect(maximum.values == [2] && sum.values == [Float(n)] && correction.values == [0])
    }
}
