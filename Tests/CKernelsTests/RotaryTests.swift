import CKernels
import Testing

struct RotaryTests {
    static let shapes = [(0, 1, 4), (1, 1, 2), (3, 2, 6), (4, 3, 64), (2, 5, 34)]

    @Test(arguments: shapes, [CKRotaryPairs.interleaved, .halves])
    func agreesWithTheReference(shape: (rows: Int, heads: Int, size: Int), pairs: CKRotaryPairs) {
        let (rows, heads, size) = shape
        let x = Floats(random: rows * heads * size, seed: 1, misalignedBy: 1)
        let (cosines, sines) = (Floats(random: rows * size / 2, seed: 2), Floats(random: rows * size / 2, seed: 3))
        let (y, refY) = (Floats(count: x.count, misalignedBy: 3), Floats(count: x.count))
        for inverse in [false, true] {
            ck_rotary(pairs, y.pointer, x.pointer, cosines.pointer, sines.pointer, inverse, rows, heads, size)
            ck_ref_rotary(pairs, refY.pointer, x.pointer, cosines.pointer, sines.pointer, inverse, rows, heads, size)
            expectAgreement(y, refY, absolute: 1e-6, "inverse \(inverse)")
        }
        ck_rotary(pairs, x.pointer, x.pointer, cosines.pointer, sines.pointer, true, rows, heads, size)
        #expect(x.bits == y.bits, "in place")
    }
}
