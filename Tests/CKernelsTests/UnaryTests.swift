import CKernels
import TestSupport
import Testing

struct UnaryTests {
    /// A function with the range and the error that it is tested at.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let op: CKUnary
        var range: ClosedRange<Float> = -12...12
        var relative = 1e-6
        /// What a value near a zero of the function or its derivative may be off by.
        var absolute = 1e-37
        var derivativeAbsolute = 3e-7
        var testDescription: String { name }
    }

    static let cases = [
        Case(name: "silu", op: .silu), Case(name: "gelu", op: .gelu),
        Case(name: "gelu tanh", op: .geluTanh, absolute: 1e-9),
        Case(name: "quick gelu", op: .quickGelu, absolute: 1e-9), Case(name: "relu", op: .relu),
        Case(name: "exp", op: .exp, range: -80...80),
        Case(name: "log", op: .log, range: 1e-6...1e6, absolute: 1e-7),
        Case(name: "sqrt", op: .sqrt, range: 1e-6...1e6, relative: 0),
        Case(name: "rsqrt", op: .rsqrt, range: 1e-3...1e3), Case(name: "square", op: .square),
        Case(name: "abs", op: .abs, relative: 0), Case(name: "tanh", op: .tanh), Case(name: "sigmoid", op: .sigmoid),
        Case(name: "sin", op: .sin, range: -5000...5000, absolute: 2e-7),
        Case(name: "cos", op: .cos, range: -5000...5000, absolute: 2e-7),
        Case(name: "negate", op: .negate, relative: 0),
        Case(name: "reciprocal", op: .reciprocal, range: 0.01...100),
    ]

    @Test(arguments: cases)
    func agreesWithTheReference(_ test: Case) {
        for n in lengths {
            let x = Floats(random: n, in: test.range, seed: UInt64(n), misalignedBy: n % 5)
            let (fast, reference) = (Floats(count: n, misalignedBy: 1), Floats(count: n))
            ck_unary(test.op, fast.pointer, x.pointer, n)
            ck_ref_unary(test.op, reference.pointer, x.pointer, n)
            expectAgreement(fast, reference, relative: test.relative, absolute: test.absolute, "\(n) elements")
            ck_unary(test.op, x.pointer, x.pointer, n)
            #expect(x.bits == fast.bits, "in place, \(n) elements")
        }
    }

    @Test(arguments: cases)
    func derivativeAgreesWithTheReference(_ test: Case) {
        for n in lengths {
            let x = Floats(random: n, in: test.range, seed: UInt64(n), misalignedBy: n % 3)
            let y = Floats(count: n)
            ck_unary(test.op, y.pointer, x.pointer, n)
            let dy = Floats(random: n, seed: UInt64(n) + 1, misalignedBy: 1)
            let (fast, reference) = (Floats(count: n, misalignedBy: 3), Floats(count: n))
            // What the derivative does not read may be missing.
            let (keptX, keptY) = (
                ck_unary_derivative_reads_input(test.op) ? x.pointer : nil,
                ck_unary_derivative_reads_output(test.op) ? y.pointer : nil
            )
            ck_unary_backward(test.op, fast.pointer, dy.pointer, keptX, keptY, n)
            ck_ref_unary_backward(test.op, reference.pointer, dy.pointer, keptX, keptY, n)
            expectAgreement(fast, reference, relative: 2e-6, absolute: test.derivativeAbsolute, "\(n) elements")
            ck_unary_backward(test.op, dy.pointer, dy.pointer, keptX, keptY, n)
            #expect(dy.bits == fast.bits, "in place, \(n) elements")
        }
    }

    /// Work is cut into chunks: an element must have the same bits wherever a chunk begins.
    @Test(arguments: cases)
    func anElementDoesNotDependOnItsPlace(_ test: Case) {
        let n = 300
        let x = Floats(random: n, in: test.range, seed: 5)
        let dy = Floats(random: n, seed: 6)
        let (y, dx) = (Floats(count: n), Floats(count: n))
        ck_unary(test.op, y.pointer, x.pointer, n)
        ck_unary_backward(test.op, dx.pointer, dy.pointer, x.pointer, y.pointer, n)
        for cut in [1, 2, 7, 16, 33, 150, 299] {
            let (first, second) = (Floats(count: n), Floats(count: n))
            for (start, count) in [(0, cut), (cut, n - cut)] {
                ck_unary(test.op, first.pointer + start, x.pointer + start, count)
                ck_unary_backward(
                    test.op, second.pointer + start, dy.pointer + start, x.pointer + start, y.pointer + start, count)
            }
            #expect(first.bits == y.bits && second.bits == dx.bits, "cut at \(cut)")
        }
    }

    @Test(arguments: cases)
    func specialValuesFollowTheReference(_ test: Case) {
        let tiny = Float.leastNonzeroMagnitude
        var values: [Float] = [
            .nan, -.nan, .infinity, -.infinity, 0, -0.0, tiny, -tiny, 1e-30, -1e-30, 88.9, -87, -150,
        ]
        // The reduction of an angle is exact to 1e8 only.
        if test.op != .sin && test.op != .cos { values += [1e30, -1e30, .greatestFiniteMagnitude] }
        // Once in vectors and once by itself.
        for repeats in [1, 40] {
            let x = Floats(values.flatMap { [Float](repeating: $0, count: repeats) })
            let (fast, reference) = (Floats(count: x.count), Floats(count: x.count))
            ck_unary(test.op, fast.pointer, x.pointer, x.count)
            ck_ref_unary(test.op, reference.pointer, x.pointer, x.count)
            expectAgreement(fast, reference, relative: test.relative, absolute: max(test.absolute, 1e-36))
        }
    }

    @Test(arguments: cases)
    func nanReachesTheGradient(_ test: Case) {
        let n = 40
        let numbers = Floats([Float](repeating: 0.5, count: n))
        let nans = Floats([Float](repeating: .nan, count: n))
        let dx = Floats(count: n)
        ck_unary_backward(test.op, dx.pointer, nans.pointer, numbers.pointer, numbers.pointer, n)
        #expect(dx.values.allSatisfy { $0.isNaN })
        // The gradient of a ReLU is dy, of a negation -dy, whatever the input was.
        if test.op == .relu || test.op == .negate { return }
        ck_unary_backward(test.op, dx.pointer, numbers.pointer, nans.pointer, nans.pointer, n)
        #expect(dx.values.allSatisfy { $0.isNaN })
    }
}
