internal import DurableFiles
internal import Media
internal import StrictJSON

/// The previews of a training: `outputs/preview-00000500.png`, and all of them in turn as `outputs/previews.gif`.
struct PreviewFiles {
    private let context: JobContext

    private static let prefix = "preview-"

    init(_ context: JobContext) { self.context = context }

    /// Writes the preview of a step.
    func write(_ picture: Image, step: Int) throws {
        let name = Self.prefix + String(repeating: "0", count: max(0, 8 - String(step).count)) + "\(step).png"
        try context.write(PNG.encode(picture), to: context.output(name))
        try context.event("preview", ["step": JSONNode(.integer(step)), "file": JSONNode(.string("outputs/\(name)"))])
    }

    /// Joins the previews written so far, by any attempt, to one animation.
    func animate() throws {
        let names = try context.files.list(context.outputs).entries.map(\.name).filter {
            $0.hasPrefix(Self.prefix) && $0.hasSuffix(".png")
        }.sorted()
        guard names.count > 1 else { return }
        let frames = try names.map { try ImageFile.read(context.output($0)) }
        try context.write(GIF.encode(frames, delay: 0.3, lastDelay: 2), to: context.output("previews.gif"))
    }
}
