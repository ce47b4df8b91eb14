import ArgumentParser
import Datasets
import DurableFiles
import Media
import Problems
import StrictJSON

struct RateShapes: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say how many pictures show the shape that was asked for.")

    @Argument(help: "The outputs of a sample job: its manifest.json and pictures.") var directory: String
    @OptionGroup var rating: RatingOptions

    func run() throws {
        let pictures = try asked()
        let seen = try pictures.map { ShapeRule.classify(try ImageFile.read("\(directory)/\($0.file)")) }
        let shapes = seen.count { $0 != nil }
        let right = zip(seen, pictures).count { $0 == $1.shape }
        let share = Double(right) / Double(pictures.count)
        try rating.report(
            "shapes: \(percent(share)) of \(pictures.count) pictures show the shape that was asked for, "
                + "\(percent(Double(shapes) / Double(pictures.count))) show a shape",
            share: share)
    }

    /// Each picture and the shape that its class means.
    private func asked() throws -> [(file: String, shape: FlatShape)] {
        let path = "\(directory)/manifest.json"
        let manifest = try JSONNode.parse(PosixFileSystem().read(path, limit: 1 << 24), file: path)
        let pictures = try (manifest["images"]?.elements ?? []).map { image in
            guard let file = image["file"]?.string, let label = image["class_label"]?.integer,
                FlatShape.allCases.indices.contains(label)
            else {
                throw Problem(.invalid, "a picture's file or class is not given", file: path, path: "$.images")
            }
            return (file, FlatShape.allCases[label])
        }
        guard !pictures.isEmpty else { throw Problem(.invalid, "no pictures are named", file: path, path: "$.images") }
        return pictures
    }
}
