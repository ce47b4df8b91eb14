import TestSupport
import Testing

/// The measures and generators that other tests stand on.
@Suite struct TestSupportTests {
    @Test func relativeErrorIsOverTheLargestValue() {
        #expect(relativeError([1, 2, -4] as [Float], [1, 2.5, -4]) == 0.125)
        #expect(relativeError([0, 0] as [Float], [0, 0]) == 0)
        #expect(relativeError([1] as [Float], [0]) == .infinity)
        #expect(relativeError([1, 2] as [Float], [1]) == .infinity)
        #expect(relativeError([.nan, 1] as [Float], [1, 1]) == .infinity)
        #expect(relativeError([1, 1] as [Float], [.nan, 1]) == .infinity)
        #expect(relativeError([.infinity, .nan, 1] as [Float], [.infinity, .nan, 1]) == 0)
    }

    /// The first numbers for seed 1234567, from the authors' C code.
    @Test func generatorIsSplitMix64() {
        var generator = SeededGenerator(seed: 1_234_567)
        #expect(
            (0..<3).map { _ in generator.next() } == [
                6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
            ])
    }
}
