import CKernels
import Testing

struct ProductTests {
    static let shapes: [(Int, Int, Int)] = [
        (0, 3, 4), (1, 1, 1), (3, 5, 7), (12, 16, 32), (13, 17, 33), (25, 64, 48), (50, 100, 8), (200, 30, 70),
        (7, 600, 40), (5, 0, 9), (30, 1100, 20),
    ]

    @Test(arguments: shapes)
    func agreesWithTheReference(rows: Int, inner: Int, columns: Int) {
        let a = Floats(random: rows * (inner + 3), in: -1...1, seed: 1, misalignedBy: 1)
        let b = Floats(random: inner * columns, in: -1...1, seed: 2, misalignedBy: 3)
        let packed = Floats(count: ck_packed_size(inner, columns), misalignedBy: 1)
        let ldc = columns + 2
        // B as it is and transposed, A by rows and by columns.
        for (rowStride, columnStride) in [(columns, 1), (1, inner)] {
            ck_pack(packed.pointer, b.pointer, rowStride, columnStride, inner, columns)
            #expect(packed.isIntact)
            for (ra, ta) in [(inner + 3, 1), (1, rows)] {
                for accumulate in [false, true] {
                    let fast = Floats(random: rows * ldc, seed: 3, misalignedBy: 1)
                    let reference = Floats(random: rows * ldc, seed: 3)
                    ck_product(fast.pointer, ldc, a.pointer, ra, ta, packed.pointer, rows, columns, inner, accumulate)
                    ck_ref_product(
                        reference.pointer, ldc, a.pointer, ra, ta, packed.pointer, rows, columns, inner, accumulate)
                    expectAgreement(fast, reference, absolute: 1e-7 * Double(inner + 10), "strides \(ra), \(ta)")
                    guard accumulate == false && ra > 1 else { continue }
                    for (i, j) in [(0, 0), (rows - 1, columns - 1), (rows / 2, columns / 3)] where rows > 0 {
                        let exact = (0..<inner).reduce(0.0) {
                            $0 + Double(a.pointer[i * ra + $1])
                                * Double(b.pointer[$1 * rowStride + j * columnStride])
                        }
                        #expect(abs(Double(fast.pointer[i * ldc + j]) - exact) < 1e-7 * Double(inner + 10))
                    }
                }
            }
        }
    }

    /// Batches may be cut anywhere: a row's bits are the same alone, among many, and with some of the columns.
    @Test func aRowDoesNotDependOnTheOthers() {
        let (rows, inner, columns) = (50, 700, 70)
        let a = Floats(random: rows * inner, seed: 4)
        let b = Floats(random: inner * columns, seed: 5)
        let packed = Floats(count: ck_packed_size(inner, columns))
        ck_pack(packed.pointer, b.pointer, columns, 1, inner, columns)
        let whole = Floats(count: rows * columns)
        ck_product(whole.pointer, columns, a.pointer, inner, 1, packed.pointer, rows, columns, inner, false)
        for cut in [1, 5, 12, 13, 49] {
            let parts = Floats(count: rows * columns)
            for (first, count) in [(0, cut), (cut, rows - cut)] {
                ck_product(
                    parts.pointer + first * columns, columns, a.pointer + first * inner, inner, 1, packed.pointer,
                    count,
                    columns, inner, false)
            }
            #expect(parts.bits == whole.bits, "cut at \(cut)")
        }
        for some in [1, 15, 16, 17, 33] {
            let left = Floats(count: rows * some)
            ck_product(left.pointer, some, a.pointer, inner, 1, packed.pointer, rows, some, inner, false)
            for i in 0..<rows {
                #expect((0..<some).allSatisfy { left.bits[i * some + $0] == whole.bits[i * columns + $0] })
            }
        }
    }

    @Test func nanStaysInItsRowAndColumn() {
        let (rows, inner, columns) = (20, 30, 40)
        let (a, b) = (Floats(random: rows * inner, seed: 6), Floats(random: inner * columns, seed: 7))
        a.pointer[3 * inner + 5] = .nan
        b.pointer[2 * columns + 35] = .infinity
        let packed = Floats(count: ck_packed_size(inner, columns))
        ck_pack(packed.pointer, b.pointer, columns, 1, inner, columns)
        let c = Floats(count: rows * columns)
        ck_product(c.pointer, columns, a.pointer, inner, 1, packed.pointer, rows, columns, inner, false)
        for i in 0..<rows {
            for j in 0..<columns { #expect(c.pointer[i * columns + j].isFinite == (i != 3 && j != 35)) }
        }
    }
}
