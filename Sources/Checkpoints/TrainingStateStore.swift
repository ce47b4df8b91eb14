public import DurableFiles
public import NeuralNet
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
            ], fingerprint: fingerprint, to: path, in: files)
        try remove(whenNewestIs: state.step, best: state.record.best?.step)
        return path
    }

    /// The newest state that is whole.
    ///
    /// - Parameters:
    ///   - layout: of the training that will go on.
    ///   - limit: states from this step on are not looked at.
    ///   - skipped: told of each newer state that is damaged.
    /// - Returns: nil when there is none.
    /// - Throws: `invalid` when the newest whole state belongs to another configuration.
    public func newest(
        for layout: ParameterBuffer, optimizer: Optimizer, before limit: Int = .max, skipped: (Problem) throws -> Void
    ) throws -> TrainingState? {
        for step in try steps().reversed() where step < limit {
            do {
                return try load(step, layout: layout, optimizer: optimizer)
            } catch let problem as Problem where problem.code == .corrupt {
                try skipped(problem)
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

    private func load(_ step: Int, layout: ParameterBuffer, optimizer: Optimizer) throws -> TrainingState {
        let path = path(of: step)
        let file = try CheckedTensorFile(path, fingerprint: fingerprint)
        guard file.metadata["step"] == String(step), let record = file.metadata["record"] else {
            throw file.damaged("its name and its step differ")
        }
        func tensor(_ name: String, _ like: Tensor) throws -> Tensor {
            guard let tensor = try file.tensor(name, on: like.device), tensor.shape == like.shape
            else { throw file.damaged("\(name) is missing or has another size") }
            return tensor
        }
        return TrainingState(
            step: step, weights: try tensor("weights", layout.weights),
            average: try optimizer.average.map { try tensor("average", $0) },
            moments: try optimizer.moments.enumerated().map { try tensor("moment.\($0)", $1) },
            record: try JSONText.decode(TrainingRecord.self, from: Array(record.utf8), file: path))
    }

    /// Removes what a newly saved state makes superfluous. States that claim to be newer were damaged or led nowhere, or the
    /// training would have gone on from them; they must not take the places of good ones.
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
        [("weights", state.weights)] + (state.average.map { [("average", $0)] } ?? [])
            + state.moments.enumerated().map { ("moment.\($0)", $1) }
    }
}
