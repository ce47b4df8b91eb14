internal import Checkpoints
internal import DurableFiles
internal import Evaluation
internal import JobSpec
internal import Media
internal import Problems
internal import StrictJSON
internal import TensorCore

/// The features of sets of pictures, block after block. Each block is saved when it is complete.
struct DistanceWork: ResumableWork {
    private let extractor: FeatureExtractor
    private let store: EvaluationStore
    private let context: JobContext
    private let batchSize: Int
    private var missing: ArraySlice<(set: PictureSet, block: Int)>

    let totalSteps: Int

    /// Begins with the blocks that earlier attempts have not completed.
    init(
        _ sets: [PictureSet], _ extractor: FeatureExtractor, _ store: EvaluationStore, batchSize: Int,
        _ context: JobContext
    ) throws {
        self.extractor = extractor
        self.store = store
        self.context = context
        self.batchSize = batchSize
        let blocks = sets.flatMap { set in (0..<set.blockCount).map { (set: set, block: $0) } }
        totalSteps = blocks.count
        missing = try blocks.filter { try $0.set.features(of: $0.block, in: store, context) == nil }[...]
    }

    var stepsDone: Int { totalSteps - missing.count }

    /// - Returns: the features (n, D) of the next block.
    /// - Throws: `Stopped`.
    func step() throws -> Tensor? {
        guard let (set, block) = missing.first else { return nil }
        return try pointing(to: set.role.jsonPath) { try features(of: Array(set.block(block))) }
    }

    mutating func finish(_ features: Tensor) throws -> StepOutcome {
        guard let (set, block) = missing.popFirst() else { return StepOutcome() }
        try store.save(features, set: set.name, block: block)
        try context.event(
            "features", ["of": JSONNode(.string(set.name)), "pictures": JSONNode(.integer(set.block(block).endIndex))])
        return StepOutcome()
    }

    func save() {}

    private func features(of paths: [String]) throws -> Tensor {
        var parts: [Tensor] = []
        for first in stride(from: 0, to: paths.count, by: batchSize) {
            let pictures = try paths[first..<min(first + batchSize, paths.count)].map { path in
                try context.stop.check()
                return try ImageFile.read(path) { context.log("note: \(Path.name(path)): \($0)") }
            }
            try context.stop.check()
            let part = extractor.features(of: pictures)
            guard part.isFinite else {
                throw Problem(
                    .numerical, "the features of \(paths[first]) and those beside it are not numbers",
                    remedy: "Look at the weights: they are broken, or of another network.", path: "$.inception")
            }
            parts.append(part)
        }
        return .concatenated(parts, axis: 0)
    }
}
