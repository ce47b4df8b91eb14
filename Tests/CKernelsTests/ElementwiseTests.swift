import CKernels
import Testing

struct ElementwiseTests {
    static let binaries: [CKBinary] = [.add, .subtract, .multiply, .divide, .maximum, .minimum]
    static let special: [Float] = [0, -0.0, 1, -1, .nan, .infinity, -.infinity, 1e30, -1e-30]

    @Test(arguments: binaries)
    func binaryAgreesWithTheReference(_ op: CKBinary) {
        for n in lengths {
            for (p, q) in [(1, 1), (1, 0), (0, 1), (0, 0)] {
                let a = Floats(random: max(n, 1), seed: 1, misalignedBy: 1)
                let b = Floats(random: max(n, 1), in: 0.5...3, seed: 2, misalignedBy: 3)
                let (fast, reference) = (Floats(count: n, misalignedBy: 2), Floats(count: n))
                ck_binary(op, fast.pointer, a.pointer, p, b.pointer, q, n)
                ck_ref_binary(op, reference.pointer, a.pointer, p, b.pointer, q, n)
                expectAgreement(fast, reference, relative: 0, "strides \(p), \(q), \(n) elements")
                if p == 1 {
                    ck_binary(op, a.pointer, a.pointer, p, b.pointer, q, n)
                    #expect(Array(a.bits.prefix(n)) == fast.bits, "in place")
                }
            }
        }
    }

    @Test(arguments: binaries)
    func binarySpecialValuesFollowTheReference(_ op: CKBinary) {
        let a = Floats(Self.special.flatMap { [Float](repeating: $0, count: Self.special.count) })
        let b = Floats((0..<a.count).map { Self.special[$0 % Self.special.count] })
        let (fast, reference) = (Floats(count: a.count), Floats(count: a.count))
        ck_binary(op, fast.pointer, a.pointer, 1, b.pointer, 1, a.count)
        ck_ref_binary(op, reference.pointer, a.pointer, 1, b.pointer, 1, a.count)
        expectAgreement(fast, reference, relative: 0)
    }

    @Test(arguments: binaries)
    func binaryGradientsAgreeWithTheReference(_ op: CKBinary) {
        for n in lengths {
            for (p, q) in [(1, 1), (1, 0), (0, 1), (0, 0)] {
                let a = Floats(random: max(n, 1), seed: 3, misalignedBy: 1)
                let b = Floats(random: max(n, 1), in: 0.5...3, seed: 4, misalignedBy: 3)
                // Some ties, for maximum and minimum.
                for i in stride(from: 0, to: n, by: 3) where p == 1 && q == 1 { b.pointer[i] = a.pointer[i] + 0 }
                let dy = Floats(random: n, seed: 5)
                let (da, db) = (Floats(count: n, misalignedBy: 1), Floats(count: n))
                let (refA, refB) = (Floats(count: n), Floats(count: n))
                ck_binary_backward(op, da.pointer, db.pointer, dy.pointer, a.pointer, p, b.pointer, q, n)
                ck_ref_binary_backward(op, refA.pointer, refB.pointer, dy.pointer, a.pointer, p, b.pointer, q, n)
                expectAgreement(da, refA, "to a, strides \(p), \(q), \(n) elements")
                expectAgreement(db, refB, "to b, strides \(p), \(q), \(n) elements")
                // One gradient alone, over dy.
                let copy = Floats(dy.values)
                ck_binary_backward(op, copy.pointer, db.pointer, copy.pointer, a.pointer, p, b.pointer, q, n)
                #expect(copy.bits == da.bits, "a's over dy")
                expectAgreement(db, refB, "to b, a's over dy")
                ck_binary_backward(op, nil, dy.pointer, dy.pointer, a.pointer, p, b.pointer, q, n)
                #expect(dy.bits == db.bits, "b's over dy")
            }
        }
    }

    @Test func combinationsAgreeWithTheReference() {
        for n in lengths {
            let a = Floats(random: n, seed: 6, misalignedBy: 1)
            let b = Floats(random: n, seed: 7, misalignedBy: 2)
            let c = Floats(random: n, seed: 8)
            let (fast, reference) = (Floats(count: n, misalignedBy: 1), Floats(count: n))
            func check(_ what: String) { expectAgreement(fast, reference, absolute: 3e-7, "\(what), \(n) elements") }
            ck_scale_offset(fast.pointer, a.pointer, 1.7, -0.3, n)
            ck_ref_scale_offset(reference.pointer, a.pointer, 1.7, -0.3, n)
            check("scale and offset")
            ck_axpby(fast.pointer, 0.3, a.pointer, -1.1, b.pointer, n)
            ck_ref_axpby(reference.pointer, 0.3, a.pointer, -1.1, b.pointer, n)
            check("axpby")
            ck_multiply_add(fast.pointer, a.pointer, b.pointer, c.pointer, n)
            ck_ref_multiply_add(reference.pointer, a.pointer, b.pointer, c.pointer, n)
            check("multiply-add")
            ck_lerp(fast.pointer, a.pointer, b.pointer, 0.3, n)
            ck_ref_lerp(reference.pointer, a.pointer, b.pointer, 0.3, n)
            check("lerp")
            ck_clamp(fast.pointer, a.pointer, -0.5, 1, n)
            ck_ref_clamp(reference.pointer, a.pointer, -0.5, 1, n)
            check("clamp")
            ck_clamp_backward(fast.pointer, b.pointer, a.pointer, -0.5, 1, n)
            ck_ref_clamp_backward(reference.pointer, b.pointer, a.pointer, -0.5, 1, n)
            check("clamp's gradient")
            ck_accumulate(fast.pointer, c.pointer, n)
            ck_ref_binary(.add, reference.pointer, reference.pointer, 1, c.pointer, 1, n)
            check("accumulate")
            ck_fill(fast.pointer, 3, n)
            #expect(fast.values == [Float](repeating: 3, count: n) && fast.isIntact)
        }
    }

    @Test func clampKeepsNaN() {
        let x = Floats([Float](repeating: .nan, count: 20) + [.infinity, -.infinity])
        ck_clamp(x.pointer, x.pointer, -1, 1, x.count)
        #expect(x.values[..<20].allSatisfy { $0.isNaN } && Array(x.values[20...]) == [1, -1])
    }

    static let activations: [CKActivation] = [.identity, .silu, .gelu, .geluTanh, .quickGelu, .relu]

    @Test(arguments: activations)
    func epilogueAgreesWithTheReference(_ f: CKActivation) {
        for (rows, columns) in [(0, 5), (1, 1), (3, 17), (5, 64), (2, 300), (7, 0)] {
            let (ldy, ldp, ldx, ldr) = (columns + 3, columns + 1, columns + 2, columns + 5)
            for present in 0..<8 {
                let x = Floats(random: rows * ldx, in: -4...4, seed: 9, misalignedBy: 1)
                let bias = Floats(random: columns, seed: 10)
                let residual = Floats(random: rows * ldr, seed: 11)
                let u = present & 4 != 0 ? (Floats(count: rows * ldp), Floats(count: rows * ldp)) : nil
                let (fast, reference) = (Floats(count: rows * ldy, misalignedBy: 3), Floats(count: rows * ldy))
                let (b, r) = (present & 1 != 0 ? bias.pointer : nil, present & 2 != 0 ? residual.pointer : nil)
                ck_bias_activation(
                    f, fast.pointer, ldy, u?.0.pointer, ldp, x.pointer, ldx, b, r, ldr, rows, columns)
                ck_ref_bias_activation(
                    f, reference.pointer, ldy, u?.1.pointer, ldp, x.pointer, ldx, b, r, ldr, rows, columns)
                expectAgreement(fast, reference, absolute: 3e-7, "\(rows) x \(columns), operands \(present)")
                if let u { expectAgreement(u.0, u.1, relative: 0, "preactivation") }
            }
        }
    }

    @Test func epilogueWorksInPlace() {
        let (rows, columns) = (3, 70)
        let x = Floats(random: rows * columns, seed: 12)
        let residual = Floats(random: rows * columns, seed: 13)
        let bias = Floats(random: columns, seed: 14)
        let y = Floats(count: x.count)
        func run(_ y: Floats, _ u: Floats?, _ x: Floats) {
            ck_bias_activation(
                .silu, y.pointer, columns, u?.pointer, columns, x.pointer, columns, bias.pointer, residual.pointer,
                columns, rows, columns)
        }
        run(y, nil, x)
        let (overX, overResidual) = (Floats(x.values), Floats(residual.values))
        run(overX, nil, overX)
        #expect(overX.bits == y.bits)
        ck_bias_activation(
            .silu, overResidual.pointer, columns, nil, 0, x.pointer, columns, bias.pointer, overResidual.pointer,
            columns, rows, columns)
        #expect(overResidual.bits == y.bits)
        let (kept, second) = (Floats(x.values), Floats(count: x.count))
        run(second, kept, kept)
        #expect(second.bits == y.bits)
        for i in 0..<x.count { #expect(kept.pointer[i] == x.pointer[i] + bias.pointer[i % columns]) }
    }

    @Test func rowsAreGatedAndScaled() {
        for (rows, columns) in [(0, 3), (1, 1), (4, 17), (3, 200)] {
            let (x, residual) = (Floats(random: rows * columns, seed: 15), Floats(random: rows * columns, seed: 16))
            let (gate, factors) = (Floats(random: columns, seed: 17), Floats(random: rows, seed: 18))
            let (fast, reference) = (Floats(count: x.count, misalignedBy: 1), Floats(count: x.count))
            for add in [nil, residual.pointer] {
                ck_gate_rows(fast.pointer, x.pointer, gate.pointer, add, rows, columns)
                ck_ref_gate_rows(reference.pointer, x.pointer, gate.pointer, add, rows, columns)
                expectAgreement(fast, reference, absolute: 3e-7, "gate, \(rows) x \(columns)")
            }
            let (sums, plainSums) = (Floats(count: columns, misalignedBy: 1), Floats(count: columns))
            ck_gate_rows_backward(
                fast.pointer, sums.pointer, residual.pointer, x.pointer, gate.pointer, rows, columns)
            ck_ref_gate_rows_backward(
                reference.pointer, plainSums.pointer, residual.pointer, x.pointer, gate.pointer, rows, columns)
            expectAgreement(fast, reference, relative: 0, "gate backward, \(rows) x \(columns)")
            expectAgreement(sums, plainSums, absolute: 1e-6, "gate sums, \(rows) x \(columns)")
            let (alone, onlySums) = (Floats(count: x.count), Floats(count: columns))
            ck_gate_rows_backward(
                alone.pointer, nil, residual.pointer, x.pointer, gate.pointer, rows, columns)
            ck_gate_rows_backward(
                nil, onlySums.pointer, residual.pointer, x.pointer, gate.pointer, rows, columns)
            #expect(alone.bits == fast.bits && onlySums.bits == sums.bits, "one gradient alone, \(rows) x \(columns)")
            ck_scale_rows(fast.pointer, columns, x.pointer, columns, factors.pointer, rows, columns)
            ck_ref_scale_rows(reference.pointer, columns, x.pointer, columns, factors.pointer, rows, columns)
            expectAgreement(fast, reference, relative: 0, "scale, \(rows) x \(columns)")
            let sum = Floats(count: rows * (columns + 2), misalignedBy: 1)
            let plainSum = Floats(count: sum.count)
            ck_scale_add_rows(
                sum.pointer, columns + 2, x.pointer, columns, 0.3, residual.pointer, columns, rows, columns)
            ck_ref_scale_add_rows(
                plainSum.pointer, columns + 2, x.pointer, columns, 0.3, residual.pointer, columns, rows, columns)
            expectAgreement(sum, plainSum, absolute: 2e-7, "scaled sum, \(rows) x \(columns)")
            ck_scale_add_rows(x.pointer, columns, x.pointer, columns, 0.3, residual.pointer, columns, rows, columns)
            for r in 0..<rows {
                for c in 0..<columns { #expect(x.pointer[r * columns + c] == sum.pointer[r * (columns + 2) + c]) }
            }
        }
    }
}
