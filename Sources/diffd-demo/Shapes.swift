import ArgumentParser
import Datasets

struct Shapes: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write discs, squares and triangles as PNGs, a folder for each.")

    @Argument(help: "The directory; made if it is not there.") var directory: String
    @Option(help: "Number of pictures.") var count = 1500
    @Option(help: "Height and width.") var resolution = 16

    func validate() throws {
        guard count >= 1, (8...1024).contains(resolution) else {
            throw ValidationError("At least 1 picture of 8 to 1024 pixels a side.")
        }
    }

    func run() throws { try ShapesFolder.write(to: directory, count: count, resolution: resolution) }
}
