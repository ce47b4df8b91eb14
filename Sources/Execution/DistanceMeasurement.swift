internal import Checkpoints
internal import Datasets
internal import DurableFiles
internal import Evaluation
internal import JobSpec
internal import Media
internal import Models
internal import NeuralNet
internal import Problems
internal import Spool
internal import StrictJSON
internal import TensorCore

/// The Frechet distance between two sets of pictures that an evaluate job measures, or the statistics of one.
struct DistanceMeasurement {
    /// A set as the job names it.
    private struct PictureSet {
        enum Content {
            case pictures([String])
            case statistics(FeatureStatistics, path: String)
        }

        let role: JobInput.Role
        let reference: PicturesReference
        let content: Content

        /// `samples` or `reference`.
        var name: String { String(role.jsonPath.dropFirst(2)) }

        var pictures: [String] { if case .pictures(let paths) = content { paths } else { [] } }

        /// Pictures are worked on in blocks of a fixed size, so that nothing depends on batches.
        var blockCount: Int { (pictures.count + Self.blockSize - 1) / Self.blockSize }

        private static let blockSize = 64

        func block(_ number: Int) -> ArraySlice<String> {
            pictures[number * Self.blockSize..<min(pictures.count, (number + 1) * Self.blockSize)]
        }
    }

    private let context: JobContext
    private let batchSize: Int
    private let sets: [PictureSet]
    private let weights: (path: String, digest: String)?

    /// - Throws: what is wrong with the sets, and with the file of weights.
    init(_ job: EvaluateJob, of samples: PicturesReference, _ context: JobContext) throws {
        self.context = context
        batchSize = job.batchSize
        weights = try job.inception.map { path in
            try pointing(to: JobInput.Role.inception.jsonPath) {
                let path = try context.permitted(path)
                return (path, try SHA256.digest(ofFile: path).description)
            }
        }
        let given = [(JobInput.Role.samples, samples)] + (job.reference.map { [(.reference, $0)] } ?? [])
        sets = try given.map { role, reference in
            try pointing(to: role.jsonPath) {
                PictureSet(role: role, reference: reference, content: try Self.content(of: reference, context))
            }
        }
        try checkKinds()
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

    /// What is computed here.
    private var kind: FeatureKind { weights.map { .inception(weights: $0.digest) } ?? .pixels }

    /// Statistics that were made before must be of the same features as what is computed here, or as each other.
    private func checkKinds() throws {
        let kinds = sets.map { set -> FrechetDistance.Features in
            switch set.content {
            case .pictures: .init(kind: kind, count: kind.count)
            case .statistics(let statistics, _): .init(statistics)
            }
        }
        guard kinds.count == 2 else { return }
        try pointing(to: sets[1].role.jsonPath) { try FrechetDistance.check(kinds[0], kinds[1]) }
    }

    var totalSteps: Int { sets.reduce(0) { $0 + $1.blockCount } }

    /// What decides the result, besides the job.
    var deciding: [String] {
        get throws {
            try sets.flatMap { set -> [String] in
                switch set.content {
                case .pictures(let paths): paths
                case .statistics(_, let path): [try SHA256.digest(ofFile: path).description]
                }
            } + (weights.map { [$0.digest] } ?? [])
        }
    }

    /// Bytes of a pass of the network, or of the matrices of the distance.
    func memory(batchSize: Int) -> Int {
        // Two covariances, copies of both halves, products, eigenvectors and LAPACK's room for them.
        let matrices = 15 * kind.count * kind.count * MemoryLayout<Double>.size
        guard weights != nil else { return matrices }
        let device = Device.rehearsal()
        let network = Inception(on: device)
        let weights = network.parameterCount * MemoryLayout<Float>.size
        return max(
            FeatureExtractor.rehearse(network, batchSize: batchSize, on: device), weights + matrices)
    }

    func loadExtractor() throws -> FeatureExtractor {
        guard let weights else { return FeatureExtractor(on: context.device) }
        return try pointing(to: JobInput.Role.inception.jsonPath) {
            let network = Inception(on: context.device)
            let file = WeightsDirectory(
                file: weights.path,
                remedy:
                    "It must hold the tensors of pytorch-fid's weights under their names: docs/jobs.md says how to make it."
            )
            try file.load(into: network, isIdle: Inception.isIdle)
            return FeatureExtractor(network, weights: weights.digest, on: context.device)
        }
    }

    // MARK: - Measuring

    private func features(_ store: EvaluationStore, _ set: PictureSet, block: Int) throws -> Tensor? {
        try store.features(set: set.name, block: block, on: context.device) { context.log("warning: \($0)") }
    }

    func stepsDone(in store: EvaluationStore) throws -> Int {
        try sets.reduce(0) { sum, set in
            try sum + (0..<set.blockCount).count { try features(store, set, block: $0) != nil }
        }
    }

    /// The statistics of each set; nil when stopped.
    func run(
        _ extractor: FeatureExtractor, _ store: EvaluationStore, _ steps: inout SamplingSteps
    ) throws -> [FeatureStatistics]? {
        for set in sets {
            for block in 0..<set.blockCount where try features(store, set, block: block) == nil {
                guard
                    let found = try steps.timed({
                        try pointing(to: set.role.jsonPath) { try compute(extractor, Array(set.block(block))) }
                    })
                else { return nil }
                try store.save(found, set: set.name, block: block)
                try context.event(
                    "features",
                    ["of": JSONNode(.string(set.name)), "pictures": JSONNode(.integer(set.block(block).endIndex))])
                steps.note(done: steps.done + 1)
                try context.progress(steps.progress())
            }
        }
        // What the network worked with makes room for matrices.
        context.device.trim()
        return try sets.map { set in
            switch set.content {
            case .statistics(let statistics, _): return statistics
            case .pictures(let paths):
                return try FeatureStatistics(extractor.kind, count: paths.count, blocks: set.blockCount) { block in
                    guard let found = try features(store, set, block: block) else {
                        throw Problem(
                            .unavailable, "features that were just written are gone",
                            remedy: "Leave the job's checkpoints alone while it runs.", file: context.checkpoints)
                    }
                    return found
                }
            }
        }
    }

    /// The features of some pictures (n, D); nil when stopped.
    private func compute(_ extractor: FeatureExtractor, _ paths: [String]) throws -> Tensor? {
        var parts: [Tensor] = []
        for first in stride(from: 0, to: paths.count, by: batchSize) {
            if context.stop.wasMade { return nil }
            let pictures = try paths[first..<min(first + batchSize, paths.count)].map { path in
                try ImageFile.read(path) { context.log("note: \(Path.name(path)): \($0)") }
            }
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

    // MARK: - The report

    func add(_ statistics: [FeatureStatistics], to report: inout EvaluationReport) throws {
        for (set, found) in zip(sets, statistics) where !set.pictures.isEmpty {
            try context.write(StatisticsFile.encode(found), to: context.output("\(set.name).npz"))
        }
        let known = statistics.compactMap(\.kind).first
        var members: [JSONNode.Member] = [.init("feature", feature(known, statistics[0]))]
        for (set, found) in zip(sets, statistics) { members.append(.init(set.name, describe(set, found))) }
        let warnings = zip(sets, statistics).flatMap(self.warnings)
        for warning in warnings { context.log("warning: \(warning)") }
        members.append(.init("warnings", JSONNode(.array(warnings.map { JSONNode(.string($0)) }))))
        let notes = warnings.map { "\n**Note:** \($0)\n" }.joined()
        let features =
            "\(statistics[0].mean.count) features \(known?.name.rawValue ?? "of a kind that the files do not tell")"
        guard statistics.count == 2 else {
            report.add("statistics", JSONNode(.object(members)))
            report.addText(
                "## Statistics\n\nMean and covariance of \(features) of \(sets[0].pictures.count) pictures, "
                    + "\(sets[0].reference), are in samples.npz.\n\(notes)")
            return
        }
        let distance = try FrechetDistance(statistics[0], statistics[1])
        members =
            [
                .init("value", JSONNode(.number(distance.value))), .init("means", JSONNode(.number(distance.means))),
                .init("covariances", JSONNode(.number(distance.covariances))),
            ] + members
        // Nothing else is called so: figures of other features don't compare with it.
        let isInception = known?.name == .inception
        report.add(isInception ? "fid" : "frechet_distance", JSONNode(.object(members)))
        let counts = statistics.map { $0.count.map { "\($0) pictures" } ?? "a number of pictures that is not told" }
        report.addText(
            """
            ## \(isInception ? "Frechet inception distance (FID)" : "Frechet distance")

            **\(EvaluationReport.number(distance.value))** between \(sets[0].reference) (\(counts[0])) and \
            \(sets[1].reference) (\(counts[1])), on \(features).\
            \(isInception ? "" : " This is no FID, and compares with distances on the same features only.")

            | part | |
            | --- | --- |
            | means | \(EvaluationReport.number(distance.means)) |
            | covariances | \(EvaluationReport.number(distance.covariances)) |
            \(notes)
            """)
    }

    private func warnings(_ set: PictureSet, _ statistics: FeatureStatistics) -> [String] {
        var warnings: [String] = []
        if statistics.isSingular, let count = statistics.count {
            warnings.append(
                "\(set.name) has \(count) pictures, fewer than \(statistics.mean.count + 1): its covariance is singular, and "
                    + "the distance too large to compare with those of more pictures.")
        }
        if statistics.kind == nil {
            warnings.append(
                "\(set.reference) does not say what its statistics are of; they are taken to be of the same features.")
        }
        return warnings
    }

    private func feature(_ kind: FeatureKind?, _ statistics: FeatureStatistics) -> JSONNode {
        [
            "name": kind.map { JSONNode(.string($0.name.rawValue)) } ?? .null,
            "count": JSONNode(.integer(statistics.mean.count)),
            "resizing": kind.map { JSONNode(.string($0.resizing)) } ?? .null,
            "weights_sha256": kind?.weights.map { JSONNode(.string($0)) } ?? .null,
        ]
    }

    private func describe(_ set: PictureSet, _ statistics: FeatureStatistics) -> JSONNode {
        [
            "name": JSONNode(.string(set.reference.description)),
            "pictures": statistics.count.map { JSONNode(.integer($0)) } ?? .null,
            "statistics": set.pictures.isEmpty ? .null : JSONNode(.string("\(set.name).npz")),
        ]
    }
}
