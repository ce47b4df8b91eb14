import DurableFiles
import Evaluation
import Media
import Models
import NeuralNet
import Problems
import StrictJSON
import TensorCore
import TestSupport
import Testing

@Suite struct FrechetTests {
    private static func statistics(_ name: String) throws -> FeatureStatistics {
        try StatisticsFile.read(Fixture.path("Statistics/\(name).npz"))
    }

    @Test(arguments: try Fixture("frechet").cases) func agreesWithScipy(_ test: Fixture.Case) throws {
        let files = try #require(test.options["files"]?.elements).compactMap(\.string)
        let expected = try #require(test.options["value"]?.number)
        let (a, b) = (try Self.statistics(files[0]), try Self.statistics(files[1]))
        let scale = max(a.covariance.trace, b.covariance.trace)
        // Single precision of one file is seen in the root of its rounding.
        let tolerance = test.name.contains("single") ? 1e-6 : 1e-10
        #expect(abs(try FrechetDistance(a, b).value - expected) < tolerance * scale)
        #expect(abs(try FrechetDistance(b, a).value - expected) < tolerance * scale)
    }

    @Test func shiftedAndStretchedNormalsAreKnown() throws {
        func normal(_ mean: [Double], _ deviations: [Double]) -> FeatureStatistics {
            var covariance = SymmetricMatrix(count: mean.count)
            for index in mean.indices {
                var row = [Double](repeating: 0, count: mean.count)
                row[index] = deviations[index]
                covariance.add(1, productsOf: row)
            }
            return FeatureStatistics(mean: mean, covariance: covariance, count: nil, kind: nil)
        }
        let distance = try FrechetDistance(normal([0, 1, 2], [1, 2, 0]), normal([3, 1, -2], [1, 5, 4]))
        // |m1 - m2|^2 and sum (s1 - s2)^2.
        #expect(abs(distance.means - 25) < 1e-12 && abs(distance.covariances - 25) < 1e-12)
        #expect(try FrechetDistance(normal([1, 2], [3, 4]), normal([1, 2], [3, 4])).value < 1e-12)
    }

    /// A picture of 8x8 pixels, each of which is a block.
    private static func picture(_ index: Int) -> Image {
        var bytes: [UInt8] = []
        for place in 0..<192 { bytes.append(UInt8((place * 7 + index * index * 31) % 256)) }
        return Image(width: 8, height: 8, channels: 3, bytes: bytes)
    }

    @Test func statisticsAreThoseOfNumpy() throws {
        let extractor = FeatureExtractor(on: Device(threads: 1))
        let pictures = (0..<5).map(Self.picture)
        let whole = FeatureStatistics(FeatureKind.pixels, count: 5, blocks: 1) { _ in
            extractor.features(of: pictures)
        }
        let (a, b) = (pictures.map { Double($0.samples[10]) / 255 }, pictures.map { Double($0.samples[99]) / 255 })
        let (meanA, meanB) = (a.reduce(0, +) / 5, b.reduce(0, +) / 5)
        #expect(abs(whole.mean[10] - meanA) < 1e-7)
        let products = zip(a, b).map { x, y in (x - meanA) * (y - meanB) }
        #expect(abs(whole.covariance[10, 99] - products.reduce(0, +) / 4) < 1e-7)
        #expect(whole.isSingular && whole.count == 5)

        let read = try roundTrip(whole)
        #expect(read.mean == whole.mean && read.covariance.elements == whole.covariance.elements)
        #expect(read.count == 5 && read.kind == FeatureKind.pixels)
        #expect(try FrechetDistance(read, whole).value < 1e-9)
    }

    /// Features that don't depend on which pictures are computed together make statistics that don't either.
    @Test func batchesChangeNoFeature() {
        let device = Device(threads: 2)
        let network = Inception(on: device)
        network.initialize(seed: 1)
        let extractor = FeatureExtractor(network, weights: "a", on: device)
        #expect(extractor.kind == FeatureKind.inception(weights: "a") && extractor.kind.count == 2048)
        let pictures = (0..<3).map(Self.picture)
        let together = extractor.features(of: pictures)
        #expect(together.shape == [3, 2048] && together.isFinite)
        #expect(together.array() == pictures.flatMap { extractor.features(of: [$0]).array() })
        #expect(Set(together.array()).count > 1000)
    }

    private func roundTrip(_ statistics: FeatureStatistics) throws -> FeatureStatistics {
        let directory = try TemporaryDirectory()
        try PosixFileSystem().writeAtomically(StatisticsFile.encode(statistics), to: directory("a.npz"))
        return try StatisticsFile.read(directory("a.npz"))
    }

    @Test func blocksOfPixelsAreMeansOfTheirAreas() {
        let extractor = FeatureExtractor(on: Device(threads: 1))
        // 12 columns of a ramp: a block is one and a half pixels wide.
        let ramp = Image(
            width: 12, height: 16, channels: 1, bytes: (0..<192).map { (place: Int) in UInt8(place % 12 * 20) })
        let features = extractor.features(of: [ramp])
        #expect(features.shape == [1, 192])
        let values = features.array()
        let row = (0..<8).map { values[3 * $0] * 255 }
        let expected: [Float] = [20, 100, 200, 280, 380, 460, 560, 640].map { $0 / 3 }
        #expect(relativeError(row, expected) < 1e-6)
        // Smaller than the blocks: a pixel is several of them.
        let tiny = Image(width: 2, height: 1, channels: 3, bytes: [0, 51, 102, 255, 204, 153])
        let wide = extractor.features(of: [tiny, tiny]).array()
        #expect(Array(wide[..<3]) == [0, 0.2, 0.4] && Array(wide[189..<192]) == [1, 0.8, 0.6])
    }

    @Test(arguments: [
        ("pictures", "no array mu"), ("lopsided", "sigma has the shape [12, 5]"), ("infinite", "sigma holds values"),
        ("named", "other"),
    ])
    func filesWithoutStatisticsAreRefused(name: String, tells: String) throws {
        let problem = try #require(throws: Problem.self) { try Self.statistics(name) }
        #expect(problem.message.contains(tells) && problem.remedy != nil, "\(problem)")
        #expect(problem.file?.hasSuffix("\(name).npz") == true)
    }

    /// numpy keeps what was whole numbers as such.
    @Test func wholeNumbersAreNumbers() throws {
        #expect(try Self.statistics("whole").mean == (0..<12).map(Double.init))
    }

    @Test func otherFeaturesAreRefused() throws {
        let problem = try #require(throws: Problem.self) {
            try FrechetDistance(Self.statistics("stored"), Self.statistics("five"))
        }
        #expect(problem.code == .invalid && problem.message.contains("12 features") && problem.remedy != nil)
        let kinds: [FeatureKind] = [.pixels, .inception(weights: "a"), .inception(weights: "b")]
        for (index, a) in kinds.enumerated() {
            for b in kinds[(index + 1)...] {
                #expect(throws: Problem.self) {
                    try FrechetDistance.check(.init(kind: a, count: a.count), .init(kind: b, count: b.count))
                }
            }
        }
    }
}
