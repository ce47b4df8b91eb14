import CKernels
import TestSupport
import Testing

struct RMSNormTests {
    static let shapes = [(0, 4), (1, 1), (3, 5), (2, 64), (7, 65), (20, 300)]

    @Test(arguments: shapes, [false, true])
    func agreesWithTheReference(shape: (rows: Int, columns: Int), hasWeight: Bool) {
        let (rows, columns) = shape
        let x = Floats(random: rows * columns, seed: 1, misalignedBy: 1)
        let weight = hasWeight ? Floats(random: columns, seed: 2) : nil
        let (y, refY) = (Floats(x.values, misalignedBy: 3), Floats(count: x.count))
        let (rrms, refRRMS) = (Floats(count: rows), Floats(count: rows))
        ck_rms_norm(y.pointer, rrms.pointer, y.pointer, weight?.pointer, 1e-6, rows, columns)
        ck_ref_rms_norm(refY.pointer, refRRMS.pointer, x.pointer, weight?.pointer, 1e-6, rows, columns)
        expectAgreement(y, refY, "output, in place")
        expectAgreement(rrms, refRRMS, "reciprocal root mean square")

        let dy = Floats(random: x.count, seed: 3)
        let (dx, refDX) = (Floats(count: x.count, misalignedBy: 1), Floats(count: x.count))
        var (sums, refSums) = ([Double](repeating: 1, count: columns), [Double](repeating: 2, count: columns))
        ck_rms_norm_backward(
            dx.pointer, &sums, dy.pointer, x.pointer, rrms.pointer, weight?.pointer, rows, columns)
        ck_ref_rms_norm_backward(
            refDX.pointer, &refSums, dy.pointer, x.pointer, rrms.pointer, weight?.pointer, rows, columns)
        expectAgreement(dx, refDX, relative: 1e-5, absolute: 2e-5, "dx")
        #expect(relativeError(sums, refSums) < 1e-6)
        var alone = [Double](repeating: 1, count: columns)
        ck_rms_norm_backward(nil, &alone, dy.pointer, x.pointer, rrms.pointer, weight?.pointer, rows, columns)
        #expect(alone == sums, "without dx")
        ck_rms_norm_backward(dy.pointer, nil, dy.pointer, x.pointer, rrms.pointer, weight?.pointer, rows, columns)
        #expect(dy.bits == dx.bits, "in place, without sums")
    }
}
