import CKernels
import TestSupport
import Testing

struct LayoutTests {
    @Test func transposesAgreeWithTheReference() {
        for (rows, columns) in [(0, 4), (1, 1), (3, 5), (16, 16), (17, 15), (33, 48), (64, 3), (100, 65)] {
            let (ldx, ldy) = (columns + 2, rows + 3)
            let x = Floats(random: rows * ldx, seed: 1, misalignedBy: 1)
            let (fast, reference) = (Floats(count: columns * ldy, misalignedBy: 1), Floats(count: columns * ldy))
            ck_transpose(fast.pointer, ldy, x.pointer, ldx, rows, columns)
            ck_ref_transpose(reference.pointer, ldy, x.pointer, ldx, rows, columns)
            expectAgreement(fast, reference, relative: 0, "\(rows) x \(columns)")
        }
    }

    @Test func channelsGoLastAndFirst() {
        let (count, channels, pixels) = (3, 5, 35)
        let x = Floats(random: count * channels * pixels, seed: 2)
        let (last, first) = (Floats(count: x.count), Floats(count: x.count))
        ck_channels_last(last.pointer, x.pointer, count, channels, pixels)
        for n in 0..<count {
            for c in 0..<channels {
                for p in 0..<pixels {
                    #expect(
                        last.pointer[(n * pixels + p) * channels + c] == x.pointer[(n * channels + c) * pixels + p])
                }
            }
        }
        ck_channels_first(first.pointer, last.pointer, count, channels, pixels)
        #expect(first.bits == x.bits)
    }

    /// Sizes and strides of a walk over at most 4,096 floats.
    struct Walk: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let sizes: [Int]
        let strides: [Int]
    }

    static let walks = [
        Walk(testDescription: "contiguous", sizes: [3, 5, 7], strides: [35, 7, 1]),
        Walk(testDescription: "heads before tokens", sizes: [2, 4, 6, 16], strides: [384, 16, 64, 1]),
        Walk(testDescription: "transposed", sizes: [40, 33], strides: [1, 40]),
        Walk(testDescription: "channels last", sizes: [2, 20, 17], strides: [340, 1, 20]),
        Walk(testDescription: "slice", sizes: [5, 3], strides: [11, 1]),
        Walk(testDescription: "every second", sizes: [4, 9], strides: [30, 2]),
        Walk(testDescription: "repeated rows", sizes: [4, 9], strides: [0, 1]),
        Walk(testDescription: "repeated columns", sizes: [4, 9], strides: [1, 0]),
        Walk(testDescription: "one number", sizes: [1, 1], strides: [7, 3]),
        Walk(testDescription: "nothing", sizes: [4, 0, 3], strides: [3, 3, 1]),
        Walk(testDescription: "reversed order", sizes: [3, 4, 5, 6], strides: [1, 3, 12, 60]),
    ]

    @Test(arguments: walks)
    func stridedCopiesAgreeWithTheReference(_ walk: Walk) {
        let count = walk.sizes.reduce(1, *)
        let (sizes, strides, rank) = (walk.sizes, walk.strides, walk.sizes.count)
        let x = Floats(random: 4096, seed: 3, misalignedBy: 1)
        let (fast, reference) = (Floats(count: count, misalignedBy: 1), Floats(count: count))
        ck_gather_strided(fast.pointer, x.pointer, sizes, strides, rank)
        ck_ref_gather_strided(reference.pointer, x.pointer, sizes, strides, rank)
        expectAgreement(fast, reference, relative: 0, "gather")
        let (target, expected) = (Floats(x.values), Floats(x.values))
        ck_scatter_add_strided(target.pointer, fast.pointer, sizes, strides, rank)
        ck_ref_scatter_add_strided(expected.pointer, fast.pointer, sizes, strides, rank)
        expectAgreement(target, expected, relative: 0, "scatter")
    }

    @Test func rowsAreCopiedPickedAndAdded() {
        let (rows, columns, ldx, ldy) = (4, 19, 23, 21)
        let x = Floats(random: rows * ldx, seed: 4)
        let y = Floats(count: rows * ldy)
        ck_copy_rows(y.pointer, ldy, x.pointer, ldx, rows, columns)
        ck_accumulate_rows(y.pointer, ldy, x.pointer, ldx, rows, columns)
        for r in 0..<rows {
            for c in 0..<ldy {
                #expect(y.pointer[r * ldy + c] == (c < columns ? 2 * x.pointer[r * ldx + c] : 0))
            }
        }
        let indices: [Int32] = [2, 0, 2]
        let picked = Floats(count: 3 * ldx)
        ck_gather_rows(picked.pointer, x.pointer, indices, 3, ldx)
        let table = Floats(count: rows * ldx)
        ck_scatter_add_rows(table.pointer, picked.pointer, indices, 3, ldx)
        for c in 0..<ldx {
            #expect(picked.pointer[c] == x.pointer[2 * ldx + c])
            #expect(table.pointer[c] == x.pointer[c] && table.pointer[ldx + c] == 0)
            #expect(table.pointer[2 * ldx + c] == 2 * x.pointer[2 * ldx + c])
        }
    }
}
