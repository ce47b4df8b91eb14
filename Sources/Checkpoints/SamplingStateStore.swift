public import Diffusion
public import DurableFiles
public import Problems
internal import StrictJSON
public import TensorCore

/// The saved state of one sampling, between two of its steps: one file, `sampling.safetensors`, replaced whole.
///
/// Each save waits for the disk, some milliseconds: with one generator for all batches (`rng: torch`) a lost state would
/// mean to begin anew.
public struct SamplingStateStore: Sendable {
    public let path: String
    private let fingerprint: String
    private let files: any FileSystem

    /// - Parameter fingerprint: of model, sampler, shapes and counts; a state of another one is refused.
    public init(_ path: String, fingerprint: String, in files: any FileSystem = PosixFileSystem()) {
        self.path = path
        self.fingerprint = fingerprint
        self.files = files
    }

    /// Replaces the saved state.
    ///
    /// - Parameters:
    ///   - batch: batches finished.
    ///   - state: of the batch in work; nil before its first step.
    ///   - noise: as it is at this moment.
    public func save(batch: Int, state: SamplerState?, noise: NoiseSource) throws {
        var metadata = [
            "batch": String(batch), "noise": String(decoding: try JSONText.encode(noise, .line), as: UTF8.self),
        ]
        var tensors: [(name: String, tensor: Tensor)] = []
        if let state {
            metadata["index"] = String(state.index)
            metadata["calls"] = String(state.calls)
            tensors = [("x", state.x)] + state.history.enumerated().map { (Self.historyName($0), $1) }
            if let noise = state.initialNoise { tensors.append((Self.initialNoiseName, noise)) }
            if let edited = state.edited { tensors.append((Self.editedName, edited)) }
            if let joined = state.joined { tensors.append((Self.joinedName, joined)) }
        }
        try CheckedTensorFile.write(tensors, metadata, fingerprint: fingerprint, to: path, in: files)
    }

    /// The saved state; nil when there is none that is whole.
    ///
    /// - Parameter damaged: told of a state that cannot be used.
    /// - Throws: `invalid` when the state belongs to another sampling.
    public func load(
        on device: Device, damaged: (Problem) throws -> Void
    ) throws -> (batch: Int, state: SamplerState?, noise: NoiseSource)? {
        guard try files.exists(path) else { return nil }
        do {
            return try read(on: device)
        } catch let problem as Problem where problem.code == .corrupt {
            try damaged(problem)
            return nil
        }
    }

    /// Removes the state, when all is drawn.
    public func remove() throws {
        try files.removeDurably(path)
    }

    private func read(on device: Device) throws -> (batch: Int, state: SamplerState?, noise: NoiseSource) {
        let file = try CheckedTensorFile(path, fingerprint: fingerprint)
        guard let batch = file.metadata["batch"].flatMap({ Int($0) }), let noise = file.metadata["noise"] else {
            throw file.damaged("it does not say where the sampling stood")
        }
        var state: SamplerState?
        if let x = try file.tensor("x", on: device) {
            guard let index = file.metadata["index"].flatMap({ Int($0) }),
                let calls = file.metadata["calls"].flatMap({ Int($0) })
            else {
                throw file.damaged("it does not say which step comes next")
            }
            var history: [Tensor] = []
            while let tensor = try file.tensor(Self.historyName(history.count), on: device) { history.append(tensor) }
            state = SamplerState(
                x: x, history: history, index: index, calls: calls,
                initialNoise: try file.tensor(Self.initialNoiseName, on: device),
                edited: try file.tensor(Self.editedName, on: device),
                joined: try file.tensor(Self.joinedName, on: device))
        }
        return (batch, state, try JSONText.decode(NoiseSource.self, from: Array(noise.utf8), file: path))
    }

    private static let (initialNoiseName, editedName, joinedName) = ("initial_noise", "edited", "joined")
    private static func historyName(_ index: Int) -> String { "history.\(index)" }
}
