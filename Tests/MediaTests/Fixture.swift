import Foundation
import Media
import Testing

/// The pictures in Tests/Fixtures/Media, and what they hold.
enum Fixture {
    struct Expected: Decodable {
        var width: Int
        var height: Int
        var channels: Int
        var maximum: Int
        var samples: [Int]
    }

    static let directory = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fixtures/Media")

    static func path(_ name: String) -> String { directory.appending(path: name).path(percentEncoded: false) }

    static func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: directory.appending(path: name)))
    }

    static let expected: Result<[String: Expected], any Error> = Result {
        try JSONDecoder().decode(
            [String: Expected].self, from: Data(contentsOf: directory.appending(path: "expected.json")))
    }

    /// Asserts that an image is what the fixture of this name holds, each sample within `tolerance`.
    static func check(
        _ image: Image, _ name: String, within tolerance: Int = 0, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let expected = try #require(try expected.get()[name], sourceLocation: sourceLocation)
        let shape: [Int] = [image.width, image.height, image.channels, Int(image.depth.maximum)]
        let expectedShape: [Int] = [expected.width, expected.height, expected.channels, expected.maximum]
        #expect(shape == expectedShape, "\(name)", sourceLocation: sourceLocation)
        let worst = zip(image.samples, expected.samples).map { abs(Int($0) - $1) }.max() ?? 0
        #expect(worst <= tolerance, "\(name): off by \(worst)", sourceLocation: sourceLocation)
    }
}

/// A small generator for inputs (SplitMix64, Steele et al. 2014): the same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
