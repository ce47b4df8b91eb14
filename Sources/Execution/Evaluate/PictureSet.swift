internal import Checkpoints
internal import Datasets
internal import DurableFiles
internal import Evaluation
internal import JobSpec
internal import Problems
internal import Spool
internal import TensorCore

/// A set of pictures, or the statistics of one, as an evaluate job names it.
struct PictureSet {
    enum Content {
        case pictures([String])
        case statistics(FeatureStatistics, path: String)
    }

    let role: JobInput.Role
    let reference: PicturesReference
    let content: Content

    /// - Throws: what is wrong with the pictures, or with the file of statistics.
    init(_ role: JobInput.Role, _ reference: PicturesReference, _ context: JobContext) throws {
        self.role = role
        self.reference = reference
        content = try Self.content(of: reference, context)
    }

    /// `samples` or `reference`.
    var name: String { String(role.jsonPath.dropFirst(2)) }

    var pictures: [String] { if case .pictures(let paths) = content { paths } else { [] } }

    /// Pictures are worked on in blocks of a fixed size, so that nothing depends on batches.
    var blockCount: Int { (pictures.count + Self.blockSize - 1) / Self.blockSize }

    private static let blockSize = 64

    func block(_ number: Int) -> ArraySlice<String> {
        pictures[number * Self.blockSize..<min(pictures.count, (number + 1) * Self.blockSize)]
    }

    /// The features of a block that earlier steps have saved; nil when there are none that are whole.
    func features(of block: Int, in store: EvaluationStore, _ context: JobContext) throws -> Tensor? {
        try store.features(set: name, block: block, on: context.device) { context.log("warning: \($0)") }
    }

    private static func content(of reference: PicturesReference, _ context: JobContext) throws -> PictureSet.Content {
        let pictures: [String]
        switch reference {
        case .path(let path):
            let path = try context.permitted(path)
            guard try context.files.status(path)?.kind == .directory else {
                guard reference.isStatistics else {
                    throw Problem(
                        .invalid, "\(path) is neither a folder nor an .npz file", remedy: "Name one of them.",
                        file: path)
                }
                return .statistics(try StatisticsFile.read(path), path: path)
            }
            pictures = try FolderPictures(path, permit: context.permit).paths
        case .job(let job):
            let path = try context.models.outputs(of: job)
            pictures = try drawn(in: path, context)
            // Written last: without it there may be more to come.
            let isFinished = try context.files.exists(Path.join(path, "manifest.json"))
            guard isFinished, !pictures.isEmpty else {
                throw Problem(
                    .missing, "\(reference) has \(isFinished ? "drawn no pictures" : "not drawn all its pictures")",
                    remedy: "Name a sample or img2img job, and wait for it with \"after\".", file: path)
            }
        }
        guard pictures.count >= 2 else {
            throw Problem(
                .invalid, "\(reference) holds a single picture, which has no covariance",
                remedy: "Give two or more; as many as there are features, and more, make the distance meaningful.")
        }
        return .pictures(pictures)
    }

    /// The pictures among a job's outputs: `00000.png` and so on, but no grids and plots.
    private static func drawn(in outputs: String, _ context: JobContext) throws -> [String] {
        guard try context.files.exists(outputs) else { return [] }
        return try context.files.list(outputs).entries.map(\.name).filter { name in
            name.hasSuffix(".png") && name.count > 4 && name.dropLast(4).allSatisfy { ("0"..."9").contains($0) }
        }.sorted { ($0.count, $0) < ($1.count, $1) }.map { Path.join(outputs, $0) }
    }
}
