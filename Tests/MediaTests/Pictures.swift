import Foundation
import Media
import TestSupport
import Testing

/// The pictures in Tests/Fixtures/Media, and what they hold.
enum Pictures {
    struct Expected: Decodable {
        var width: Int
        var height: Int
        var channels: Int
        var maximum: Int
        var samples: [Int]
    }

    static func path(_ name: String) -> String { Fixture.path("Media/\(name)") }

    static func bytes(_ name: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: path(name)))) }

    static let expected: Result<[String: Expected], any Error> = Result {
        try JSONDecoder().decode([String: Expected].self, from: Data(bytes("expected.json")))
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
