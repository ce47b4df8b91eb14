import ArgumentParser
import Datasets
import DurableFiles
import Foundation
import Media

struct Rings: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write pictures of rings, which captioned_shapes never shows, as PNGs with a caption beside each.")

    @Argument(help: "The directory; made if it is not there.") var directory: String
    @Option(help: "Number of pictures.") var count = 10
    @Option(help: "Height and width.") var resolution = 32
    @Option(help: "Seed of the pictures.") var seed: UInt64 = 0

    func validate() throws {
        guard (1...10_000).contains(count), (16...1024).contains(resolution) else {
            throw ValidationError("1 to 10000 pictures of 16 to 1024 pixels a side.")
        }
    }

    func run() throws {
        let shapes = try CaptionedShapes(resolution: resolution, seed: seed)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        for (index, caption) in ShapeCaption.rings(count).enumerated() {
            let name = "\(directory)/ring-\(index)"
            try PosixFileSystem().writeDurably(PNG.encode(shapes.image(of: caption, index)), to: "\(name).png")
            try PosixFileSystem().writeDurably(Array("\(caption)\n".utf8), to: "\(name).txt")
        }
    }
}

extension ShapeCaption {
    /// Captions of one ring; colours and sizes take turns.
    static func rings(_ count: Int) -> [ShapeCaption] {
        let (colours, sizes) = (NamedColour.allCases, Size.allCases)
        return (0..<count).map { index in
            let round = index / colours.count
            return ShapeCaption(
                Item(sizes[(index + round) % sizes.count], colours[index % colours.count], .ring))
        }
    }
}
