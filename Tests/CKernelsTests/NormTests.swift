import CKernels
import TestSupport
import Testing

struct NormTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let positions: Int
        let channels: Int
        let groups: Int
        /// Which of weight, bias, scale and shift there are, as bits.
        let parameters: Int
        let silu: Bool
        /// Mean of the input, in standard deviations.
        var mean: Float = 0.5
        var testDescription: String {
            "\(positions) x \(channels), \(groups) groups, parameters \(parameters), silu \(silu), mean \(mean)"
        }

        func parameter(_ index: Int) -> Floats? {
            parameters >> index & 1 == 0 ? nil : Floats(random: channels, seed: 20 + UInt64(index))
        }
    }

    static let cases = [
        Case(positions: 1, channels: 8, groups: 2, parameters: 15, silu: true),
        Case(positions: 9, channels: 15, groups: 5, parameters: 3, silu: false),
        Case(positions: 16, channels: 64, groups: 32, parameters: 3, silu: true),
        Case(positions: 35, channels: 96, groups: 1, parameters: 15, silu: true),
        Case(positions: 64, channels: 130, groups: 10, parameters: 0, silu: false),
        Case(positions: 20, channels: 65, groups: 65, parameters: 12, silu: true),
        Case(positions: 40, channels: 64, groups: 8, parameters: 3, silu: false, mean: 1000),
    ]

    private func input(_ test: Case) -> Floats {
        Floats(random: test.positions * test.channels, in: test.mean - 1.7...test.mean + 1.7, seed: 1, misalignedBy: 1)
    }

    /// Error allowed for a mean that many standard deviations from zero: that of the input's last bit.
    private func tolerance(_ test: Case) -> Double { 4e-6 * Double(max(1, test.mean)) }

    /// The steps as callers run them, the positions cut into two chunks.
    @Test(arguments: cases)
    func groupNormAgreesWithTheReference(_ test: Case) {
        let (p, c, groups) = (test.positions, test.channels, test.groups)
        let chunks = [(0, p / 2), (p / 2, p - p / 2)]
        let x = input(test)
        let dy = Floats(random: x.count, seed: 2)
        let (weight, bias, scale, shift) = (
            test.parameter(0), test.parameter(1), test.parameter(2), test.parameter(3)
        )
        var sums = [Double](repeating: 0, count: 4 * c)
        let (mean, rstd) = (Floats(count: groups), Floats(count: groups))
        let (a, b, k1, k0) = (Floats(count: c), Floats(count: c), Floats(count: c), Floats(count: c))
        let (y, refY) = (Floats(count: x.count, misalignedBy: 3), Floats(count: x.count))
        sums.withUnsafeMutableBufferPointer {
            for (i, (start, count)) in chunks.enumerated() {
                ck_group_norm_sums($0.baseAddress! + i * 2 * c, x.pointer + start * c, count, c)
            }
        }
        ck_group_norm_statistics(mean.pointer, rstd.pointer, sums, 2, p, c, groups, 1e-5)
        ck_group_norm_coefficients(
            a.pointer, b.pointer, mean.pointer, rstd.pointer, weight?.pointer, bias?.pointer, scale?.pointer,
            shift?.pointer, c, groups)
        for (start, count) in chunks {
            ck_group_norm_apply(
                y.pointer + start * c, x.pointer + start * c, a.pointer, b.pointer, test.silu, count, c)
        }
        ck_ref_group_norm(
            refY.pointer, x.pointer, weight?.pointer, bias?.pointer, scale?.pointer, shift?.pointer, 1e-5, test.silu, p,
            c, groups)
        expectAgreement(y, refY, relative: 1e-5, absolute: tolerance(test), "output")

        let gradients = (0..<4).map { _ in Floats(count: c) }
        let references = (0..<4).map { _ in Floats(count: c) }
        let (dx, refDX) = (Floats(dy.values, misalignedBy: 1), Floats(count: x.count))
        sums.withUnsafeMutableBufferPointer {
            for (i, (start, count)) in chunks.enumerated() {
                ck_group_norm_backward_sums(
                    $0.baseAddress! + i * 2 * c, dy.pointer + start * c, x.pointer + start * c, a.pointer, b.pointer,
                    test.silu, count, c)
            }
        }
        ck_group_norm_backward_coefficients(
            k1.pointer, k0.pointer, gradients[0].pointer, gradients[1].pointer, gradients[2].pointer,
            gradients[3].pointer, sums, 2, mean.pointer, rstd.pointer, weight?.pointer, bias?.pointer, scale?.pointer,
            p,
            c, groups)
        for (start, count) in chunks {
            ck_group_norm_backward_apply(
                dx.pointer + start * c, dx.pointer + start * c, x.pointer + start * c, a.pointer, b.pointer, k1.pointer,
                k0.pointer, test.silu, count, c)
        }
        ck_ref_group_norm_backward(
            refDX.pointer, references[0].pointer, references[1].pointer, references[2].pointer, references[3].pointer,
            dy.pointer, x.pointer, weight?.pointer, bias?.pointer, scale?.pointer, shift?.pointer, 1e-5, test.silu, p,
            c,
            groups)
        // Where a group is nearly constant, 1 / standard deviation magnifies every rounding.
        let steepness = Double(rstd.values.max() ?? 1)
        expectAgreement(dx, refDX, relative: 1e-5, absolute: tolerance(test) * max(steepness, 4), "dx")
        for (name, (fast, reference)) in zip(["dweight", "dbias", "dscale", "dshift"], zip(gradients, references)) {
            expectAgreement(fast, reference, relative: 1e-5, absolute: tolerance(test) * 10, name)
        }
    }

    /// Each step against its own plain version, from the same inputs.
    @Test(arguments: cases)
    func groupNormStepsAgreeWithTheReference(_ test: Case) {
        let (p, c) = (test.positions, test.channels)
        let (x, dy) = (Floats(random: p * c, seed: 3, misalignedBy: 1), Floats(random: p * c, seed: 4))
        let (a, b) = (Floats(random: c, seed: 5), Floats(random: c, seed: 6))
        let (k1, k0) = (Floats(random: c, seed: 7), Floats(random: c, seed: 8))
        var (fast, reference) = ([Double](repeating: 0, count: 2 * c), [Double](repeating: 0, count: 2 * c))
        ck_group_norm_sums(&fast, x.pointer, p, c)
        ck_ref_group_norm_sums(&reference, x.pointer, p, c)
        #expect(relativeError(fast, reference) < 1e-14)
        ck_group_norm_backward_sums(&fast, dy.pointer, x.pointer, a.pointer, b.pointer, test.silu, p, c)
        ck_ref_group_norm_backward_sums(&reference, dy.pointer, x.pointer, a.pointer, b.pointer, test.silu, p, c)
        #expect(relativeError(fast, reference) < 1e-6)
        let (y, refY) = (Floats(count: p * c), Floats(count: p * c))
        ck_group_norm_apply(y.pointer, x.pointer, a.pointer, b.pointer, test.silu, p, c)
        ck_ref_group_norm_apply(refY.pointer, x.pointer, a.pointer, b.pointer, test.silu, p, c)
        expectAgreement(y, refY, absolute: 1e-6, "apply")
        ck_group_norm_backward_apply(
            y.pointer, dy.pointer, x.pointer, a.pointer, b.pointer, k1.pointer, k0.pointer, test.silu, p, c)
        ck_ref_group_norm_backward_apply(
            refY.pointer, dy.pointer, x.pointer, a.pointer, b.pointer, k1.pointer, k0.pointer, test.silu, p, c)
        expectAgreement(y, refY, absolute: 2e-6, "backward apply")
    }

    /// A constant input has variance 0, which rounding must not turn into the root of a negative number.
    @Test func aConstantGroupIsNotANumberlessOne() {
        let x = Floats([Float](repeating: 1234.567, count: 64 * 8))
        var sums = [Double](repeating: 0, count: 16)
        let (mean, rstd) = (Floats(count: 2), Floats(count: 2))
        ck_group_norm_sums(&sums, x.pointer, 64, 8)
        ck_group_norm_statistics(mean.pointer, rstd.pointer, sums, 1, 64, 8, 2, 1e-5)
        #expect(mean.values == [1234.567, 1234.567])
        #expect(rstd.values.allSatisfy { abs($0 - 316.22777) < 0.01 })
        x.pointer[3] = .nan
        ck_group_norm_sums(&sums, x.pointer, 64, 8)
        ck_group_norm_statistics(mean.pointer, rstd.pointer, sums, 1, 64, 8, 2, 1e-5)
        #expect(mean.values[0].isNaN && rstd.values[0].isNaN && !rstd.values[1].isNaN)
    }

    @Test(arguments: cases)
    func layerNormAgreesWithTheReference(_ test: Case) {
        let (rows, c) = (test.positions, test.channels)
        let x = input(test)
        let dy = Floats(random: x.count, seed: 9)
        let (weight, bias, scale, shift) = (
            test.parameter(0), test.parameter(1), test.parameter(2), test.parameter(3)
        )
        let (y, refY) = (Floats(x.values, misalignedBy: 1), Floats(count: x.count))
        let (mean, rstd) = (Floats(count: rows), Floats(count: rows))
        let (refMean, refRstd) = (Floats(count: rows), Floats(count: rows))
        ck_layer_norm(
            y.pointer, mean.pointer, rstd.pointer, y.pointer, weight?.pointer, bias?.pointer, scale?.pointer,
            shift?.pointer, 1e-6, rows, c)
        ck_ref_layer_norm(
            refY.pointer, refMean.pointer, refRstd.pointer, x.pointer, weight?.pointer, bias?.pointer, scale?.pointer,
            shift?.pointer, 1e-6, rows, c)
        expectAgreement(y, refY, relative: 1e-5, absolute: tolerance(test), "output, in place")
        expectAgreement(mean, refMean, absolute: 1e-7, "mean")
        expectAgreement(rstd, refRstd, "rstd")

        let (dx, refDX) = (Floats(count: x.count, misalignedBy: 1), Floats(count: x.count))
        var (sums, refSums) = ([Double](repeating: 1, count: 2 * c), [Double](repeating: 2, count: 2 * c))
        ck_layer_norm_backward(
            dx.pointer, &sums, dy.pointer, x.pointer, mean.pointer, rstd.pointer, weight?.pointer, scale?.pointer, rows,
            c)
        ck_ref_layer_norm_backward(
            refDX.pointer, &refSums, dy.pointer, x.pointer, mean.pointer, rstd.pointer, weight?.pointer, scale?.pointer,
            rows, c)
        expectAgreement(dx, refDX, relative: 1e-5, absolute: tolerance(test) * 4, "dx")
        #expect(relativeError(sums, refSums) < 1e-6)
        var alone = [Double](repeating: 1, count: 2 * c)
        ck_layer_norm_backward(
            nil, &alone, dy.pointer, x.pointer, mean.pointer, rstd.pointer, weight?.pointer, scale?.pointer, rows, c)
        #expect(alone == sums, "without dx")
        ck_layer_norm_backward(
            dy.pointer, nil, dy.pointer, x.pointer, mean.pointer, rstd.pointer, weight?.pointer, scale?.pointer, rows, c
        )
        #expect(dy.bits == dx.bits, "in place, without parameters")
    }

    /// With u = (n w + b) (1 + s) + t: dw = (1 + s) sum of du n, db = (1 + s) sum of du, ds = sum of du (n w + b) and
    /// dt = sum of du.
    @Test func layerNormParameterGradientsCombineChunks() {
        let (chunks, c) = (3, 5)
        var generator = SeededGenerator(seed: 10)
        let sums = generator.floats(chunks * 2 * c).map(Double.init)
        let (weight, bias) = (generator.floats(c), generator.floats(c))
        let scale = generator.floats(c)
        let (dw, db, ds, dt) = (Floats(count: c), Floats(count: c), Floats(count: c), Floats(count: c))
        ck_layer_norm_parameter_gradients(
            dw.pointer, db.pointer, ds.pointer, dt.pointer, sums, chunks, weight, bias, scale, c)
        for i in 0..<c {
            let du = (0..<chunks).reduce(0) { $0 + sums[$1 * 2 * c + i] }
            let product = (0..<chunks).reduce(0) { $0 + sums[$1 * 2 * c + c + i] }
            let factor = 1 + Double(scale[i])
            #expect(dw.pointer[i] == Float(factor * product) && db.pointer[i] == Float(factor * du))
            #expect(dt.pointer[i] == Float(du))
            #expect(abs(Double(ds.pointer[i]) - (Double(weight[i]) * product + Double(bias[i]) * du)) < 1e-6)
        }
    }
}
