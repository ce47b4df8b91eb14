import CKernels
import TestSupport
import Testing

struct ReduceTests {
    @Test func sumsAgreeWithTheReference() {
        for n in lengths {
            let a = Floats(random: n, in: 0.1...2, seed: 1, misalignedBy: n % 4)
            let b = Floats(random: n, in: 0.1...2, seed: 2, misalignedBy: 1)
            func check(_ fast: Double, _ reference: Double, _ what: String) {
                #expect(abs(fast - reference) <= 1e-13 * abs(reference), "\(what) of \(n)")
            }
            check(ck_sum(a.pointer, n), ck_ref_sum(a.pointer, n), "sum")
            check(ck_sum_squares(a.pointer, n), ck_ref_sum_squares(a.pointer, n), "sum of squares")
            check(ck_dot(a.pointer, b.pointer, n), ck_ref_dot(a.pointer, b.pointer, n), "dot")
        }
    }

    /// A million values of 1/3: adding them as floats would be off by a part in 2,000.
    @Test func aLongSumIsExact() {
        let third = Float(1) / 3
        let x = Floats([Float](repeating: third, count: 1_000_000))
        #expect(abs(ck_sum(x.pointer, x.count) - Double(third) * 1e6) < 1e-6)
        let sums = Floats(count: 10)
        ck_column_sums(sums.pointer, x.pointer, 10, 100_000, 10, false)
        #expect(sums.values.allSatisfy { $0 == Float(Double(third) * 1e5) })
    }

    @Test func extremesAgreeWithTheReference() {
        for n in lengths {
            for special in [Float?.none, .nan, -.nan, .infinity, -.infinity, -0.0] {
                let x = Floats(random: n, seed: UInt64(n), misalignedBy: 1)
                if let special, n > 0 { x.pointer[n / 2] = special }
                #expect(ck_all_finite(x.pointer, n) == ck_ref_all_finite(x.pointer, n))
                let fast = Floats([ck_max_abs(x.pointer, n), 0, 0])
                let reference = Floats([ck_ref_max_abs(x.pointer, n), 0, 0])
                ck_min_max(fast.pointer + 1, fast.pointer + 2, x.pointer, n)
                ck_ref_min_max(reference.pointer + 1, reference.pointer + 2, x.pointer, n)
                expectAgreement(fast, reference, relative: 0, "\(n) elements with \(String(describing: special))")
            }
        }
    }

    @Test func rowsAndColumnsAgreeWithTheReference() {
        for (rows, columns) in [(0, 3), (1, 1), (3, 0), (5, 17), (33, 64), (64, 65), (17, 200)] {
            let (lda, ldb) = (columns + 1, columns + 4)
            let a = Floats(random: rows * lda, seed: 3, misalignedBy: 1)
            let b = Floats(random: rows * ldb, seed: 4)
            let start = Floats(random: columns, seed: 5)
            for accumulate in [false, true] {
                let what = "\(rows) x \(columns), accumulate \(accumulate)"
                let (fast, reference) = (Floats(start.values, misalignedBy: 1), Floats(start.values))
                ck_column_sums(fast.pointer, a.pointer, lda, rows, columns, accumulate)
                ck_ref_column_sums(reference.pointer, a.pointer, lda, rows, columns, accumulate)
                expectAgreement(fast, reference, absolute: 1e-12, "column sums, \(what)")
                ck_column_dots(fast.pointer, a.pointer, lda, b.pointer, ldb, rows, columns, accumulate)
                ck_ref_column_dots(reference.pointer, a.pointer, lda, b.pointer, ldb, rows, columns, accumulate)
                expectAgreement(fast, reference, absolute: 1e-12, "column dots, \(what)")
            }
            let (fast, reference) = (Floats(count: rows, misalignedBy: 1), Floats(count: rows))
            ck_row_sums(fast.pointer, a.pointer, lda, rows, columns)
            ck_ref_row_sums(reference.pointer, a.pointer, lda, rows, columns)
            expectAgreement(fast, reference, absolute: 1e-12, "row sums, \(rows) x \(columns)")
            ck_row_dots(fast.pointer, a.pointer, lda, b.pointer, ldb, rows, columns)
            ck_ref_row_dots(reference.pointer, a.pointer, lda, b.pointer, ldb, rows, columns)
            expectAgreement(fast, reference, absolute: 1e-12, "row dots, \(rows) x \(columns)")
        }
    }

    @Test func nanReachesSums() {
        let x = Floats([Float](repeating: 1, count: 100))
        x.pointer[70] = .nan
        #expect(ck_sum(x.pointer, 100).isNaN && ck_sum_squares(x.pointer, 100).isNaN)
        #expect(ck_dot(x.pointer, x.pointer, 100).isNaN && ck_sum(x.pointer, 70) == 70)
    }
}
