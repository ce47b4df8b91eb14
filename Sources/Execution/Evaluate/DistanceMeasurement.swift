internal import Checkpoints
internal import Configurations
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
                try PictureSet(role, reference, context)
            }
        }
        try checkKinds()
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
        let device = Worker.rehearsalDevice()
        let network = Inception(on: device)
        let weights = network.parameterCount * MemoryLayout<Float>.size
        return max(
            FeatureExtractor.rehearse(network, batchSize: batchSize, on: device), weights + matrices)
    }

    func loadExtractor() throws -> FeatureExtractor {
        guard let weights else { return FeatureExtractor(on: context.device) }
        return try pointing(to: JobInput.Role.inception.jsonPath) {
            let network = InceptionConfiguration().makeNetwork(on: context.device)
            let file = Weights(
                file: weights.path,
                remedy:
                    "It must hold the tensors of pytorch-fid's weights under their names: docs/jobs.md says how to make it."
            )
            try file.load(into: network, isIdle: InceptionConfiguration.ignores)
            return FeatureExtractor(network, weights: weights.digest, on: context.device)
        }
    }

    // MARK: - Measuring

    func work(_ extractor: FeatureExtractor, _ store: EvaluationStore) throws -> DistanceWork {
        try DistanceWork(sets, extractor, store, batchSize: batchSize, context)
    }

    /// The statistics of each set, of features that are complete.
    func statistics(_ kind: FeatureKind, _ store: EvaluationStore) throws -> [FeatureStatistics] {
        // What the network worked with makes room for matrices.
        context.device.trim()
        return try sets.map { set in
            switch set.content {
            case .statistics(let statistics, _): return statistics
            case .pictures(let paths):
                return try FeatureStatistics(kind, count: paths.count, blocks: set.blockCount) { block in
                    guard let found = try set.features(of: block, in: store, context) else {
                        throw Problem(
                            .unavailable, "features that were just written are gone",
                            remedy: "Leave the job's checkpoints alone while it runs.", file: context.checkpoints)
                    }
                    return found
                }
            }
        }
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
