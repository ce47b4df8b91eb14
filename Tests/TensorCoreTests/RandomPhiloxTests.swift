import Foundation
import TensorCore
import Testing

/// Philox4x32-10 and what is drawn from it.
struct RandomPhiloxTests {
    struct KnownAnswer: Sendable {
        let counter: SIMD4<UInt32>
        let key: SIMD2<UInt32>
        let words: SIMD4<UInt32>
    }

    /// The answers that come with Random123, the authors' own implementation.
    static let knownAnswers = [
        KnownAnswer(
            counter: .init(repeating: 0), key: .init(repeating: 0),
            words: .init(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8)),
        KnownAnswer(
            counter: .init(repeating: .max), key: .init(repeating: .max),
            words: .init(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd)),
        KnownAnswer(
            counter: .init(0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344), key: .init(0xa409_3822, 0x299f_31d0),
            words: .init(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1)),
    ]

    @Test(arguments: knownAnswers)
    func givesTheKnownAnswers(_ known: KnownAnswer) {
        #expect(Philox.block(counter: known.counter, key: known.key) == known.words)
    }

    /// The words of the stream that `Philox(seed: 2^40 + 7, purpose: .flip, step: 3, sample: 9)` should be.
    private static func word(_ i: Int) -> UInt32 {
        Philox.block(
            counter: SIMD4(UInt32(i / 4), 9, 3, Philox.Purpose.flip.rawValue), key: SIMD2(7, 1 << 8))[i % 4]
    }

    private static let stream = Philox(seed: 1 << 40 + 7, purpose: .flip, step: 3, sample: 9)

    @Test func drawsTheWordsOfItsStreamInOrder() {
        var stream = Self.stream
        for i in 0..<23 { #expect(stream.nextUInt32() == Self.word(i)) }
    }

    @Test(arguments: [1, 3, 4, 255, 256, 257, 1001])
    func fillsAreMadeOfTheWords(count: Int) {
        var (a, b) = (Self.stream, Self.stream)
        let (uniforms, normals) = (a.uniforms(count), b.normals(count))
        for i in 0..<count {
            #expect(uniforms[i] == Float(Self.word(i) >> 8) * 0x1p-24)
            let (u, v) = (Self.word(i & ~1), Self.word(i | 1))
            let radius = (-2 * log((Double(u) + 0.5) * 0x1p-32)).squareRoot()
            let angle = 2 * Double.pi * Double(v >> 8) * 0x1p-24
            let exact = radius * (i % 2 == 0 ? cos(angle) : sin(angle))
            #expect(abs(Double(normals[i]) - exact) < 1e-6)
        }
    }

    @Test func aFillGoesOnWhereTheLastBlockEnded() {
        var stream = Self.stream
        _ = stream.nextUInt32()
        #expect(stream.uniforms(5) == (4..<9).map { Float(Self.word($0) >> 8) * 0x1p-24 })
        #expect(stream.uniforms(2) == (12..<14).map { Float(Self.word($0) >> 8) * 0x1p-24 })
    }

    @Test func everyPartOfTheKeyMatters() {
        var streams = [Philox(seed: 1, purpose: .flip), Philox(seed: 1 + 1 << 32, purpose: .flip)]
        streams.append(Philox(seed: 1, purpose: .flip, step: 1))
        streams.append(Philox(seed: 1, purpose: .flip, sample: 1))
        streams += Philox.Purpose.allCases.filter { $0 != .flip }.map { Philox(seed: 1, purpose: $0) }
        let first = streams.indices.map { streams[$0].nextUInt32() }
        #expect(Set(first).count == streams.count)
    }

    /// Mean, variance and fourth moment of a million normals, each within five standard errors.
    @Test func normalsHaveTheMomentsOfNormals() {
        let count = 1_000_000
        var stream = Philox(seed: 20, purpose: .weights)
        var moments = (first: 0.0, second: 0.0, fourth: 0.0)
        for x in stream.normals(count).map(Double.init) {
            moments.first += x / Double(count)
            moments.second += x * x / Double(count)
            moments.fourth += x * x * x * x / Double(count)
        }
        let error = 1 / Double(count).squareRoot()
        #expect(abs(moments.first) < 5 * error)
        #expect(abs(moments.second - 1) < 5 * error * 2.0.squareRoot())
        #expect(abs(moments.fourth - 3) < 5 * error * 96.0.squareRoot())
    }

    /// A bound that does not divide 2^32: a plain remainder would give the lower third half as much again.
    @Test func integersAreUnbiased() {
        let bound = 3 << 30
        var stream = Philox(seed: 2, purpose: .timesteps)
        let count = 30_000
        var thirds = [0, 0, 0]
        for _ in 0..<count { thirds[stream.integer(below: bound) >> 30] += 1 }
        for third in thirds { #expect(abs(third - count / 3) < 500) }
        for bound in [1, 2, 7, 1000] {
            for _ in 0..<100 { #expect((0..<bound).contains(stream.integer(below: bound))) }
        }
    }

    @Test func permutationsHoldEveryElementOnce() {
        var stream = Philox(seed: 3, purpose: .permutation)
        for count in [0, 1, 2, 1000] { #expect(stream.permutation(of: count).sorted() == Array(0..<count)) }
        var orders: [[Int]: Int] = [:]
        for _ in 0..<6000 { orders[stream.permutation(of: 3), default: 0] += 1 }
        #expect(orders.count == 6)
        for (_, seen) in orders { #expect(abs(seen - 1000) < 150) }
    }

    /// The promise of `rng: philox`: a sample's noise does not depend on the batch that it is drawn in.
    @Test func samplesOfABatchAreIndependentOfTheBatch() {
        let device = Device(threads: 2)
        let batch = Tensor.normal([5, 3, 7], seed: 4, purpose: .initialNoise, step: 6, firstSample: 10, on: device)
        for i in 0..<5 {
            let alone = Tensor.normal(
                [1, 3, 7], seed: 4, purpose: .initialNoise, step: 6, firstSample: 10 + i, on: Device(threads: 1))
            #expect(Array(batch.array()[i * 21..<(i + 1) * 21]) == alone.array())
        }
    }
}
