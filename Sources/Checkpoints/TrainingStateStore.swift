public import DurableFiles
public import Problems
internal import StrictJSON
internal import TensorCore

/// The saved states of one training: `checkpoints/step-00000200.safetensors`, each complete in one file with checksums of
/// all that it holds. A file appears whole or not at all; old ones go when a newer one is safe.
public struct TrainingStateStore: Sendable {
    public let directory: String
    /// What the states belong to: the configuration of model, data, diffusion and training.
    private let fingerprint: String
    private let keep: Int
    private let files: any FileSystem

    private static let prefix = "step-"
    private static let suffix = ".safetensors"
    /// Version of the file format. Files without one hold the tensors of a single network, without a group's name.
    private static let version = 2

    /// - Parameters:
    ///   - fingerprint: states of another fingerprint are refused.
    ///   - keep: how many of the newest stay, besides the best.
    public init(_ directory: String, fingerprint: String, keep: Int, in files: any FileSystem = PosixFileSystem()) {
        precondition(keep >= 1, "the newest state is always kept")
        self.directory = directory
        self.fingerprint = fingerprint
        self.keep = keep
        self.files = files
    }

    /// Saves a state durably, then removes those that are no longer kept.
    ///
    /// - Returns: the path of the file.
    @discardableResult
    public func save(_ state: TrainingState) throws -> String {
        try files.createDirectoriesDurably(directory)
        let path = path(of: state.step)
        try CheckedTensorFile.write(
            Self.tensors(of: state),
            [
                "step": String(state.step),
                "record": String(decoding: try JSONText.encode(state.record, .line), as: UTF8.self),
            ], fingerprint: fingerprint, version: Self.version, to: path, in: files)
        try remove(whenNewestIs: state.step, best: state.record.best?.step)
        return path
    }

    /// The newest state that is whole.
    ///
    /// - Parameters:
    ///   - groups: names and tensors like those that the state must have.
    ///   - limit: states from this step on are not looked at.
    ///   - skipped: receives the problem of each newer state that is damaged (`corrupt`), or of the newest whole one
    ///     when it is of another version of the program (`unsupported`).
    /// - Returns: nil when there is none.
    /// - Throws: `invalid` when the newest whole state belongs to another configuration.
    public func newest(
        like groups: [TrainingState.Group], before limit: Int = .max, skipped: (Problem) throws -> Void
    ) throws -> TrainingState? {
        for step in try steps().reversed() where step < limit {
            do {
                return try load(step, like: groups)
            } catch let problem as Problem where problem.code == .corrupt {
                try skipped(problem)
            } catch let problem as Problem where problem.code == .unsupported {
                try skipped(problem)
                return nil
            }
        }
        return nil
    }

    /// The steps of the saved states, ascending.
    public func steps() throws -> [Int] {
        guard try files.exists(directory) else { return [] }
        return try files.list(directory).entries.compactMap { entry in
            guard entry.kind == .regular, entry.name.hasPrefix(Self.prefix), entry.name.hasSuffix(Self.suffix) else {
                return nil
            }
            let step = Int(entry.name.dropFirst(Self.prefix.count).dropLast(Self.suffix.count))
            // Other spellings of a number are not ours.
            return step.flatMap { Self.name(of: $0) == entry.name ? $0 : nil }
        }.sorted()
    }

    private func load(_ step: Int, like groups: [TrainingState.Group]) throws -> TrainingState {
        let path = path(of: step)
        let file = try CheckedTensorFile(path, fingerprint: fingerprint, version: Self.version)
        guard file.metadata["step"] == String(step), let record = file.metadata["record"] else {
            throw file.damaged("its name and its step differ")
        }
        func tensor(_ name: String, _ like: Tensor) throws -> Tensor {
            guard let tensor = try file.tensor(name, on: like.device), tensor.shape == like.shape
            else { throw file.damaged("\(name) is missing or has another size") }
            return tensor
        }
        return TrainingState(
            step: step,
            groups: try groups.map { group in
                TrainingState.Group(
                    name: group.name, weights: try tensor("\(group.name).weights", group.weights),
                    average: try group.average.map { try tensor("\(group.name).average", $0) },
                    moments: try group.moments.enumerated().map { try tensor("\(group.name).moment.\($0)", $1) })
            },
            record: try JSONText.decode(TrainingRecord.self, from: Array(record.utf8), file: path))
    }

    /// Removes what a newly saved state makes superfluous. States that claim to be newer were damaged, outdated or led
    /// nowhere, or the training would have resumed from them; they must not take the places of good ones.
    private func remove(whenNewestIs newest: Int, best: Int?) throws {
        let steps = try steps()
        let kept = Set(steps.filter { $0 <= newest }.suffix(keep) + [best].compactMap(\.self))
        for step in steps where !kept.contains(step) || step > newest { try files.removeFile(path(of: step)) }
        _ = try files.removeStaleTemporaries(in: directory)
    }

    private func path(of step: Int) -> String { Path.join(directory, Self.name(of: step)) }

    private static func name(of step: Int) -> String {
        let digits = String(step)
        return prefix + String(repeating: "0", count: max(0, 8 - digits.count)) + digits + suffix
    }

    private static func tensors(of state: TrainingState) -> [(name: String, tensor: Tensor)] {
        state.groups.flatMap { group in
            [("\(group.name).weights", group.weights)] + (group.average.map { [("\(group.name).average", $0)] } ?? [])
                + group.moments.enumerated().map { ("\(group.name).moment.\($0)", $1) }
        }
    }
}
