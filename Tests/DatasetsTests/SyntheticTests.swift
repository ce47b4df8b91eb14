import Configurations
import Datasets
import Foundation
import Media
import Problems
import TestSupport
import Testing

@Suite("synthetic data") struct SyntheticTests {
    @Test("an index that takes more than the memory allowed is refused before it is made") func largeIndex() throws {
        var set = SyntheticDatasetConfiguration()
        (set.name, set.count) = (.shapes, 100_000_000)
        set.images = ImageOptions(resolution: 16, channels: 3)
        let loading = LoadingOptions(limits: ImageLimits(memory: 100 << 20))
        let problem = #expect(throws: Problem.self) { try Dataset(.synthetic(set), seed: 0, loading: loading) }
        #expect(problem?.code == .invalid && problem?.path == "$.dataset.count")
    }

    @Test(
        "points are standardized with one mean and one deviation",
        arguments: [SyntheticDatasetConfiguration.Name.spiral, .discGrid])
    func standardized(name: SyntheticDatasetConfiguration.Name) throws {
        let data = try Making.points(name, count: 5000)
        let values = try data.trainingSamples(5000).joined().map(Double.init)
        let mean = values.reduce(0, +) / 10_000
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 9_999
        #expect(abs(mean) < 1e-5 && abs(variance - 1) < 1e-5)
        #expect(data.shape == .point(dimension: 2) && data.classes.isEmpty)
    }

    @Test("the spiral lies in its band and fills it") func spiral() throws {
        let data = try Making.points(.spiral, count: 4000)
        let standardization = try #require(data.standardization)
        var radii: [Double] = []
        for sample in try data.trainingSamples(4000) {
            let point = standardization.restored(sample).map(Double.init)
            #expect(Spiral.distance(x: point[0], y: point[1]) < 1e-5)
            radii.append((point[0] * point[0] + point[1] * point[1]).squareRoot())
        }
        // rho = 0.25 + 0.65 u + 0.15 v: from 0.25 to 1.05, 0.65 in the mean.
        #expect(radii.min()! < 0.27 && radii.max()! > 1.03 && abs(radii.reduce(0, +) / 4000 - 0.65) < 0.01)
    }

    @Test("the distance to the band, where it is plain to see") func distance() {
        // At u = 0 the band is the piece from (0.25, 0) to (0.4, 0), at u = 1 that from (-0.9, 0) to (-1.05, 0).
        #expect(abs(Spiral.distance(x: 0.3, y: -0.05) - 0.05) < 1e-6)
        #expect(abs(Spiral.distance(x: -1.0, y: -0.03) - 0.03) < 1e-6)
        #expect(Spiral.distance(x: -1.0, y: 0) < 1e-9)
        #expect(Spiral.distance(x: 0, y: 0) > 0.24 && Spiral.distance(x: 2, y: 0) > 1)
    }

    @Test("the disc grid lies on its 16 discs, evenly") func discGrid() throws {
        let data = try Making.points(.discGrid, count: 8000)
        let standardization = try #require(data.standardization)
        var counts: [[Int]: Int] = [:]
        for sample in try data.trainingSamples(8000) {
            let point = standardization.restored(sample).map(Double.init)
            let cell = point.map { ($0 * 1.5 + 1.5).rounded() }
            let offset = zip(point, cell).map { $0 - ($1 - 1.5) / 1.5 }
            #expect(hypot(offset[0], offset[1]) < 0.1001)
            counts[cell.map { Int($0) }, default: 0] += 1
        }
        #expect(counts.count == 16 && counts.values.allSatisfy { abs($0 - 500) < 120 })
    }

    @Test("a set is a function of its seed") func seeds() throws {
        #expect(
            try Making.points(.spiral, count: 50, seed: 1).trainingSamples(50)
                == Making.points(.spiral, count: 50, seed: 1).trainingSamples(50))
        #expect(
            try Making.points(.spiral, count: 50, seed: 1).trainingSamples(50)
                != Making.points(.spiral, count: 50, seed: 2).trainingSamples(50))
        // A larger set begins with the smaller one.
        #expect(
            try Making.shapes(count: 6, resolution: 16).trainingSamples(6)
                == Making.shapes(count: 9, resolution: 16).trainingSamples(6))
    }

    @Test("shapes are told apart by the rule", arguments: [(16, 3), (16, 1), (28, 1), (32, 3), (64, 3)])
    func rule(resolution: Int, channels: Int) throws {
        let count = 600
        let data = try Making.shapes(count: count, resolution: resolution, channels: channels)
        #expect(data.classes == ["disc", "square", "triangle"])
        let right = try data.trainingSamples(count).enumerated().count { index, sample in
            let image = Image(width: resolution, height: resolution, channels: channels, signed: sample)
            return ShapeRule.classify(image).map { FlatShape.allCases.firstIndex(of: $0)! } == index % 3
        }
        #expect(Double(right) / Double(count) > 0.99, "\(right) of \(count)")
    }

    @Test("the rule still sees shapes through some noise, and none where there is none") func noise() throws {
        var random = SeededGenerator(seed: 5)
        let clean = try Making.shapes(count: 90, resolution: 32).trainingSamples(90)
        let right = clean.enumerated().count { index, sample in
            let noisy = sample.map { $0 + Float.random(in: -0.15...0.15, using: &random) }
            let found = ShapeRule.classify(Image(width: 32, height: 32, channels: 3, signed: noisy))
            return found == FlatShape.allCases[index % 3]
        }
        #expect(right > 80, "\(right)")
        func classify(_ level: (Int, Int) -> Float) -> FlatShape? {
            let values = (0..<1024).flatMap { pixel in [Float](repeating: level(pixel % 32, pixel / 32), count: 3) }
            return ShapeRule.classify(Image(width: 32, height: 32, channels: 3, signed: values))
        }
        #expect(classify { _, _ in 0.3 } == nil)
        #expect(classify { _, _ in Float.random(in: -1...1, using: &random) } == nil)
        #expect(classify { x, _ in Float(x) / 16 - 1 } == nil)
        // A bar, two squares, and a half disc.
        #expect(classify { x, y in (4..<28).contains(x) && (12..<18).contains(y) ? 1 : -1 } == nil)
        #expect(classify { x, y in (4..<10).contains(x % 16) && (12..<18).contains(y) ? 1 : -1 } == nil)
        #expect(classify { x, y in y > 16 && hypot(Float(x) - 16, Float(y) - 16) < 10 ? 1 : -1 } == nil)
    }

    @Test("a folder of shapes is the synthetic set, class by class") func folder() throws {
        let place = try Workplace()
        try ShapesFolder.write(to: place.path("shapes"), count: 12, resolution: 16, seed: 3)
        let folder = try Dataset(
            .imageFolder(Making.folder(place.path("shapes"), resolution: 16, channels: 3)), seed: 0)
        let made = try Making.shapes(count: 12, resolution: 16, seed: 3).trainingSamples(12)
        #expect(folder.classes == ["disc", "square", "triangle"])
        #expect(try folder.trainingSamples(12) == [0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11].map { made[$0] })
    }
}
