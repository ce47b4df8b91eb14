import CZlib
import Configurations
import Datasets
import Foundation
import Media
import TensorCore
import TestSupport
import Testing

/// Small data sets on disk, made by the tests that read them.
struct Workplace {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    func path(_ name: String) -> String { directory(name) }

    func write(_ bytes: [UInt8], to name: String) throws {
        let file = URL(filePath: directory(name))
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: file)
    }

    func write(_ text: String, to name: String) throws { try write(Array(text.utf8), to: name) }

    /// A PNG of one grey level.
    func writeImage(_ level: UInt8, to name: String, side: Int = 4) throws {
        let image = Image(width: side, height: side, channels: 1, bytes: [UInt8](repeating: level, count: side * side))
        try write(try PNG.encode(image), to: name)
    }

    func link(_ name: String, to target: String) throws {
        try FileManager.default.createSymbolicLink(atPath: directory(name), withDestinationPath: target)
    }

    /// The gzip form of what is in a file, in a new one.
    func compress(_ name: String, to packed: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: directory(name))))
        let file = try #require(gzopen(directory(packed), "wb"))
        #expect(gzwrite(file, bytes, UInt32(bytes.count)) == Int32(bytes.count))
        #expect(gzclose(file) == Z_OK)
    }
}

enum Making {
    /// The header and elements of an IDX file of bytes.
    static func idx(_ extents: [Int], _ bytes: [UInt8], type: UInt8 = 8) -> [UInt8] {
        [0, 0, type, UInt8(extents.count)]
            + extents.flatMap { extent in (0..<4).map { UInt8(truncatingIfNeeded: extent >> (24 - 8 * $0)) } } + bytes
    }

    static func folder(_ path: String, resolution: Int = 4, channels: Int = 1) -> ImageFolderConfiguration {
        var folder = ImageFolderConfiguration()
        folder.path = path
        folder.images = ImageOptions(resolution: resolution, channels: channels)
        return folder
    }

    static func shapes(count: Int, resolution: Int, channels: Int = 3, seed: UInt64 = 0) throws -> Dataset {
        var shapes = SyntheticDatasetConfiguration()
        shapes.name = .shapes
        shapes.count = count
        shapes.seed = seed
        shapes.images = ImageOptions(resolution: resolution, channels: channels)
        return try Dataset(.synthetic(shapes), seed: 0)
    }

    static func points(_ name: SyntheticDatasetConfiguration.Name, count: Int, seed: UInt64 = 0) throws -> Dataset {
        var points = SyntheticDatasetConfiguration()
        points.name = name
        points.count = count
        points.seed = seed
        return try Dataset(.synthetic(points), seed: 0)
    }

    /// A set of `count` pictures of 2 x 1 pixels, (i, 255 - i) for picture i of at most 256, with the label i.
    static func numbered(
        _ count: Int, in place: Workplace, validation: ValidationSplit = .none, flip: Bool = false, seed: UInt64 = 0
    ) throws -> Dataset {
        for index in 0..<count {
            let image = Image(
                width: 2, height: 2, channels: 1, bytes: (0..<4).map { $0 % 2 == 0 ? UInt8(index) : UInt8(255 - index) }
            )
            try place.write(try PNG.encode(image), to: "numbered/\(index + 1000).png")
        }
        let lines = (0..<count).map { #"{"file_name": "\#($0 + 1000).png", "label": \#($0)}"# }
        try place.write(lines.joined(separator: "\n"), to: "numbered/metadata.jsonl")
        var folder = folder(place.path("numbered"), resolution: 2)
        folder.validationSplit = validation
        folder.images.horizontalFlip = flip
        return try Dataset(.imageFolder(folder), seed: seed)
    }
}

extension Batch {
    /// The samples one by one.
    var samples: [[Float]] {
        let values = x.array()
        let length = values.count / count
        return (0..<count).map { Array(values[$0 * length..<($0 + 1) * length]) }
    }
}
