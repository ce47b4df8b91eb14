import CKernels
import Testing

struct LossTests {
    static let losses: [CKLoss] = [.squared, .absolute, .huber, .smoothL1]

    @Test(arguments: losses, [Float(0.3), 1, 2.5])
    func agreesWithTheReference(_ loss: CKLoss, delta: Float) {
        for n in lengths {
            let p = Floats(random: n, seed: 1, misalignedBy: 1)
            let t = Floats(random: n, seed: 2, misalignedBy: 3)
            if n > 2 { t.pointer[2] = p.pointer[2] }
            let sums = (
                ck_loss(loss, delta, p.pointer, t.pointer, n), ck_ref_loss(loss, delta, p.pointer, t.pointer, n)
            )
            #expect(abs(sums.0 - sums.1) <= 1e-12 * sums.1, "\(n) elements")
            let (fast, reference) = (Floats(count: n, misalignedBy: 1), Floats(count: n))
            ck_loss_backward(loss, delta, 0.37, fast.pointer, p.pointer, t.pointer, n)
            ck_ref_loss_backward(loss, delta, 0.37, reference.pointer, p.pointer, t.pointer, n)
            expectAgreement(fast, reference, absolute: 3e-7, "\(n) elements")
            ck_loss_backward(loss, delta, 0.37, p.pointer, p.pointer, t.pointer, n)
            #expect(p.bits == fast.bits, "in place")
        }
    }

    /// Values worked out by hand: d = 2, 0.5 and -3 with delta 1.
    @Test func huberAndSmoothL1AreThoseOfPyTorch() {
        let (p, t) = ([Float(2), 0.5, -3], [Float](repeating: 0, count: 3))
        #expect(ck_loss(.huber, 1, p, t, 3) == 1.5 + 0.125 + 2.5)
        #expect(ck_loss(.huber, 0.5, p, t, 3) == 0.5 * 1.75 + 0.125 + 0.5 * 2.75)
        #expect(ck_loss(.smoothL1, 0.5, p, t, 3) == 1.75 + 0.25 + 2.75)
        let slope = Floats(count: 3)
        ck_loss_backward(.huber, 0.5, 1, slope.pointer, p, t, 3)
        #expect(slope.values == [0.5, 0.5, -0.5])
        ck_loss_backward(.smoothL1, 2, 1, slope.pointer, p, t, 3)
        #expect(slope.values == [1, 0.25, -1])
    }

    @Test(arguments: losses)
    func nanReachesLossAndGradient(_ loss: CKLoss) {
        let (p, t) = (Floats([Float](repeating: 1, count: 50)), Floats(count: 50))
        p.pointer[33] = .nan
        #expect(ck_loss(loss, 1, p.pointer, t.pointer, 50).isNaN)
        let slope = Floats(count: 50)
        ck_loss_backward(loss, 1, 1, slope.pointer, p.pointer, t.pointer, 50)
        #expect(slope.values.map(\.isNaN) == (0..<50).map { $0 == 33 })
    }
}
