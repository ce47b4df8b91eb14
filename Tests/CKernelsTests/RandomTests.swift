import CKernels
import Testing

struct RandomTests {
    static let stream = CKStream(key: 0x0123_4567_89ab_cdef, c1: 7, c2: 8, c3: 9)

    /// The answers that come with Random123, the authors' own implementation.
    @Test func givesTheKnownAnswers() {
        func block(_ stream: CKStream, _ index: UInt64) -> [UInt32] {
            var words = [UInt32](repeating: 0, count: 4)
            ck_random_words(&words, stream, index * 4, 4)
            return words
        }
        #expect(
            block(CKStream(key: 0, c1: 0, c2: 0, c3: 0), 0) == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
        #expect(
            block(CKStream(key: .max, c1: .max, c2: .max, c3: .max), 0xffff_ffff)
                == [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd])
        let pi = CKStream(key: 0x299f_31d0_a409_3822, c1: 0x85a3_08d3, c2: 0x1319_8a2e, c3: 0x0370_7344)
        #expect(block(pi, 0x243f_6a88) == [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1])
    }

    @Test(arguments: [0, 1, 3, 4, 255, 256, 1_000_003] as [UInt64])
    func agreesWithTheReference(first: UInt64) {
        for n in lengths {
            let zeros = [UInt32](repeating: 0, count: n)
            let (words, refWords) = (Block(zeros), Block(zeros))
            ck_random_words(words.pointer, Self.stream, first, n)
            ck_ref_random_words(refWords.pointer, Self.stream, first, n)
            #expect(words.values == refWords.values && words.isIntact)
            let (fast, reference) = (Floats(count: n, misalignedBy: 1), Floats(count: n))
            ck_random_uniform(fast.pointer, Self.stream, first, n)
            ck_ref_random_uniform(reference.pointer, Self.stream, first, n)
            expectAgreement(fast, reference, relative: 0)
            #expect(fast.values.allSatisfy { 0 <= $0 && $0 < 1 })
            ck_random_normal(fast.pointer, Self.stream, first, n)
            ck_ref_random_normal(reference.pointer, Self.stream, first, n)
            expectAgreement(fast, reference, absolute: 1e-6)
        }
    }

    /// Any range may be filled by itself, so any cut gives the same bits.
    @Test func aNumberDoesNotDependOnTheRangeItIsDrawnIn() {
        let whole = Floats(count: 1000)
        ck_random_normal(whole.pointer, Self.stream, 0, 1000)
        for cut in [1, 2, 3, 5, 64, 255, 256, 257, 999] {
            let parts = Floats(count: 1000)
            ck_random_normal(parts.pointer, Self.stream, 0, cut)
            ck_random_normal(parts.pointer + cut, Self.stream, UInt64(cut), 1000 - cut)
            #expect(parts.bits == whole.bits)
        }
    }

    /// The FNV-1a hash of a hundred thousand normals, as AVX-512, AVX2 and SSE2 code give it alike.
    @Test func normalsAreTheSameBitsOnEveryCPU() {
        let x = Floats(count: 100_000)
        ck_random_normal(x.pointer, Self.stream, 0, x.count)
        let hash = x.bits.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        #expect(hash == 12_710_877_742_769_455_609)
    }

    /// Mean, variance, skewness, kurtosis and the share beyond 4 of a million normals, within five standard errors.
    @Test func normalsAreNormal() {
        let x = Floats(count: 1_000_000)
        ck_random_normal(x.pointer, Self.stream, 0, x.count)
        var moments = [0.0, 0, 0, 0]
        var far = 0.0
        for value in x.values.map(Double.init) {
            var power = value
            for k in 0..<4 {
                moments[k] += power / 1e6
                power *= value
            }
            far += abs(value) > 4 ? 1 : 0
        }
        #expect(abs(moments[0]) < 5e-3)
        #expect(abs(moments[1] - 1) < 5 * 1.42e-3)
        #expect(abs(moments[2]) < 5 * 3.88e-3)
        #expect(abs(moments[3] - 3) < 5 * 9.8e-3)
        #expect(abs(far - 63.3) < 5 * 8)
    }
}
