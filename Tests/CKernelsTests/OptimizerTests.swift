import CKernels
import Foundation
import Testing

struct OptimizerTests {
    static func sgd(_ momentum: Double, nesterov: Bool = false, decay: Double = 0, dampening: Double = 0) -> CKSGD {
        CKSGD(
            learning_rate: 0.1, momentum: momentum, dampening: dampening, weight_decay: decay, nesterov: nesterov,
            first_step: true, gradient_scale: 0.5, ema_decay: 0.9)
    }

    static let sgdCases = [
        sgd(0), sgd(0, decay: 0.01), sgd(0.9), sgd(0.9, nesterov: true, decay: 0.01), sgd(0.9, dampening: 0.1),
    ]

    @Test(arguments: sgdCases.indices, lengths)
    func sgdAgreesWithTheReference(index: Int, n: Int) {
        var settings = Self.sgdCases[index]
        let p = Floats(random: n, seed: 1, misalignedBy: 1)
        let ema = Floats(p.values, misalignedBy: 2)
        // The first step must not read the buffer.
        let buffer = Floats([Float](repeating: .nan, count: n))
        let (refP, refEMA, refBuffer) = (Floats(p.values), Floats(p.values), Floats(buffer.values))
        for step in 0..<4 {
            settings.first_step = step == 0
            let g = Floats(random: n, seed: 10 + UInt64(step))
            let (m, refM) = settings.momentum == 0 ? (nil, nil) : (buffer.pointer, refBuffer.pointer)
            ck_sgd(&settings, p.pointer, m, step % 2 == 0 ? ema.pointer : nil, g.pointer, n)
            ck_ref_sgd(&settings, refP.pointer, refM, step % 2 == 0 ? refEMA.pointer : nil, g.pointer, n)
        }
        expectAgreement(p, refP, absolute: 1e-6, "parameters")
        expectAgreement(ema, refEMA, absolute: 1e-6, "EMA")
        expectAgreement(buffer, refBuffer, absolute: 1e-6, "momentum")
    }

    @Test(arguments: [(false, 0.0), (false, 0.1), (true, 0.1)], lengths)
    func adamAgreesWithTheReference(kind: (decoupled: Bool, decay: Double), n: Int) {
        let p = Floats(random: n, seed: 2, misalignedBy: 1)
        let (first, second, ema) = (Floats(count: n), Floats(count: n, misalignedBy: 1), Floats(p.values))
        let (refP, refFirst, refSecond) = (Floats(p.values), Floats(count: n), Floats(count: n))
        let refEMA = Floats(p.values)
        for step in 1...4 {
            var settings = CKAdam(
                learning_rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: kind.decay,
                decoupled: kind.decoupled, bias_correction1: 1 - pow(0.9, Double(step)),
                bias_correction2: 1 - pow(0.999, Double(step)), gradient_scale: 0.5, ema_decay: 0.9)
            let g = Floats(random: n, seed: 20 + UInt64(step))
            ck_adam(
                &settings, p.pointer, first.pointer, second.pointer, step % 2 == 0 ? ema.pointer : nil, g.pointer, n)
            ck_ref_adam(
                &settings, refP.pointer, refFirst.pointer, refSecond.pointer, step % 2 == 0 ? refEMA.pointer : nil,
                g.pointer, n)
        }
        expectAgreement(p, refP, absolute: 1e-6, "parameters")
        expectAgreement(first, refFirst, absolute: 1e-7, "first moment")
        expectAgreement(second, refSecond, relative: 2e-6, "second moment")
        expectAgreement(ema, refEMA, absolute: 1e-6, "EMA")
    }

    /// The sweep over a flat buffer is cut into chunks.
    @Test func aParameterDoesNotDependOnItsPlace() {
        let n = 200
        var settings = CKAdam(
            learning_rate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.1, decoupled: true,
            bias_correction1: 0.1, bias_correction2: 0.001, gradient_scale: 1, ema_decay: 0.9)
        let (start, g) = (Floats(random: n, seed: 3).values, Floats(random: n, seed: 4))
        func step(_ cut: Int) -> [[UInt32]] {
            let (p, m, v, e) = (Floats(start), Floats(start), Floats(start.map(abs)), Floats(start))
            for (i, count) in [(0, cut), (cut, n - cut)] {
                ck_adam(&settings, p.pointer + i, m.pointer + i, v.pointer + i, e.pointer + i, g.pointer + i, count)
            }
            return [p.bits, m.bits, v.bits, e.bits]
        }
        let whole = step(0)
        for cut in [1, 17, 64, 199] { #expect(step(cut) == whole, "cut at \(cut)") }
    }

    @Test func emaAgreesWithTheReference() {
        for n in lengths {
            let p = Floats(random: n, seed: 5, misalignedBy: 1)
            let (fast, reference) = (Floats(random: n, seed: 6, misalignedBy: 1), Floats(random: n, seed: 6))
            ck_ema(fast.pointer, p.pointer, 0.9999, n)
            ck_ref_ema(reference.pointer, p.pointer, 0.9999, n)
            expectAgreement(fast, reference, absolute: 3e-7)
        }
    }
}
