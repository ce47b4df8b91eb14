import ArgumentParser
import Datasets
import DurableFiles
import Media
import Problems
import StrictJSON

struct RateCaptions: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say how many pictures show all that their captions, of captioned_shapes, ask for.")

    @Argument(help: "The outputs of a sample job: its manifest.json and pictures.") var directory: String
    @OptionGroup var rating: RatingOptions

    private typealias Rated = (caption: ShapeCaption, faults: Set<CaptionRule.Fault>)

    func run() throws {
        let rated = try asked().map { file, caption -> Rated in
            (caption, CaptionRule.faults(in: try ImageFile.read("\(directory)/\(file)"), of: caption))
        }
        let counts = Set(rated.map(\.caption.items.count)).sorted().map { count in
            let those = rated.filter { $0.caption.items.count == count }
            return "\(count == 1 ? "1 shape" : "\(count) shapes") \(percent(right(those))) of \(those.count)"
        }
        let faults = CaptionRule.Fault.allCases.map { fault in
            let share = Double(rated.count { $0.faults.contains(fault) }) / Double(rated.count)
            return "\(fault.rawValue) \(percent(share))"
        }
        try rating.report(
            "captions: \(percent(right(rated))) of \(rated.count) pictures show all that was asked for "
                + "(\(counts.joined(separator: ", "))); wrong: \(faults.joined(separator: ", "))",
            share: right(rated))
    }

    private func right(_ rated: [Rated]) -> Double {
        Double(rated.count { $0.faults.isEmpty }) / Double(rated.count)
    }

    /// Each picture and its prompt.
    private func asked() throws -> [(file: String, caption: ShapeCaption)] {
        let path = "\(directory)/manifest.json"
        let manifest = try JSONNode.parse(PosixFileSystem().read(path, limit: 1 << 24), file: path)
        let pictures = try (manifest["images"]?.elements ?? []).map { image in
            guard let file = image["file"]?.string, let prompt = image["prompt"]?.string,
                let caption = ShapeCaption(prompt)
            else {
                throw Problem(
                    .invalid, "a picture's file is not given, or its prompt is no caption of captioned_shapes",
                    file: path, path: "$.images")
            }
            return (file, caption)
        }
        guard !pictures.isEmpty else { throw Problem(.invalid, "no pictures are named", file: path, path: "$.images") }
        return pictures
    }
}
