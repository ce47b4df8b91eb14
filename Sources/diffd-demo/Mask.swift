import ArgumentParser
import DurableFiles
import Media

struct Mask: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a mask for inpainting: a PNG that is white on the right, where something new is to be made.")

    @Argument(help: "The PNG.") var file: String
    @Option(help: "Height and width.") var resolution = 16

    func validate() throws {
        guard (8...1024).contains(resolution) else { throw ValidationError("8 to 1024 pixels a side.") }
    }

    func run() throws {
        let bytes = (0..<resolution * resolution).map { UInt8($0 % resolution < resolution / 2 ? 0 : 255) }
        let mask = Image(width: resolution, height: resolution, channels: 1, bytes: bytes)
        try PosixFileSystem().writeDurably(PNG.encode(mask), to: file)
    }
}
