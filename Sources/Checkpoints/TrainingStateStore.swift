public import DurableFiles
public import NeuralNet
public import Problems
internal import Safetensors
internal import StrictJSON
internal import TensorCore

/// The saved states of one training: `checkpoints/step-00000200.safetensors`, each complete in one file with a checksum of
/// every tensor. A file appears whole or not at all; old ones go when a newer one is safe.
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
        let tensors = Self.tensors(of: state)
        var metadata = [
            "format": "pt", "step": String(state.step), "fingerprint": fingerprint,
            "record": String(decoding: try JSONText.encode(state.record, .line), as: UTF8.self),
        ]
        for (name, tensor) in tensors { metadata[Self.digestKey(name)] = try Self.digest(tensor) }
        let path = path(of: state.step)
        var writer = try SafetensorsWriter(
            path, tensors.map { .init($0.name, Array($0.tensor.shape)) }, metadata: metadata, in: files)
        for (name, tensor) in tensors { try tensor.withSpan { try writer.write(name, $0) } }
        try writer.commit()
        try removeOld(best: state.record.best?.step)
        return path
    }

    /// The newest state that is whole.
    ///
    /// - Parameters:
    ///   - layout: of the training that will go on.
    ///   - skipped: told of each newer state that is damaged.
    /// - Returns: nil when there is none.
    /// - Throws: `invalid` when the newest whole state belongs to another configuration.
    public func newest(
        for layout: ParameterBuffer, optimizer: Optimizer, skipped: (Problem) throws -> Void
    ) throws -> TrainingState? {
        for step in try steps().reversed() {
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
            guard entry.name.hasPrefix(Self.prefix), entry.name.hasSuffix(Self.suffix) else { return nil }
            return Int(entry.name.dropFirst(Self.prefix.count).dropLast(Self.suffix.count))
        }.sorted()
    }

    private func load(_ step: Int, layout: ParameterBuffer, optimizer: Optimizer) throws -> TrainingState {
        let path = path(of: step)
        let file = try SafetensorsFile(path)
        func damaged(_ what: String) -> Problem {
            Problem(
                .corrupt, "the saved training state is damaged: \(what)",
                remedy: "An older state is used if there is one; remove this file to silence the message.", file: path)
        }
        guard file.metadata["fingerprint"] == fingerprint else {
            throw Problem(
                .invalid, "the saved training state belongs to another configuration",
                remedy: "Submit a changed training under a new job; this job's files are not to be edited.", file: path)
        }
        guard file.metadata["step"] == String(step), let record = file.metadata["record"] else {
            throw damaged("its name and its step differ")
        }
        func tensor(_ name: String) throws -> Tensor {
            guard let info = file.tensors[name], info.shape == Array(layout.weights.shape) else {
                throw damaged("\(name) is missing or has another size")
            }
            let tensor = Tensor(try file.floats(name), shape: layout.weights.shape, on: layout.weights.device)
            guard try Self.digest(tensor) == file.metadata[Self.digestKey(name)] else {
                throw damaged("the checksum of \(name) differs")
            }
            return tensor
        }
        return TrainingState(
            step: step, weights: try tensor("weights"),
            average: try optimizer.average.map { _ in try tensor("average") },
            moments: try optimizer.moments.indices.map { try tensor("moment.\($0)") },
            record: try JSONText.decode(TrainingRecord.self, from: Array(record.utf8), file: path))
    }

    private func removeOld(best: Int?) throws {
        for step in try steps().dropLast(keep) where step != best {
            try files.removeFile(path(of: step))
        }
        _ = try files.removeStaleTemporaries(in: directory)
    }

    private func path(of step: Int) -> String {
        let digits = String(step)
        let padded = String(repeating: "0", count: max(0, 8 - digits.count)) + digits
        return Path.join(directory, Self.prefix + padded + Self.suffix)
    }

    private static func tensors(of state: TrainingState) -> [(name: String, tensor: Tensor)] {
        [("weights", state.weights)] + (state.average.map { [("average", $0)] } ?? [])
            + state.moments.enumerated().map { ("moment.\($0)", $1) }
    }

    private static func digestKey(_ name: String) -> String { "sha256.\(name)" }

    private static func digest(_ tensor: Tensor) throws -> String {
        try tensor.withSpan { try SHA256.digest(of: $0.bytes).description }
    }
}
