public import DurableFiles
public import Problems
internal import StrictJSON
public import TensorCore

/// What an evaluation has found so far, in files that appear whole or not at all, with checksums: a state that is replaced, and blocks
/// of features that are written once.
public struct EvaluationStore: Sendable {
    private let directory: String
    private let fingerprint: String
    private let files: any FileSystem

    private static let (stateKey, featuresKey) = ("state", "features")

    /// - Parameter fingerprint: of all that decides the result; files of another one are refused.
    public init(_ directory: String, fingerprint: String, in files: any FileSystem = PosixFileSystem()) {
        self.directory = directory
        self.fingerprint = fingerprint
        self.files = files
    }

    /// Replaces the state of that name.
    public func save(_ state: some Encodable, as name: String) throws {
        let text = String(decoding: try JSONText.encode(state, .line), as: UTF8.self)
        try CheckedTensorFile.write([], [Self.stateKey: text], fingerprint: fingerprint, to: path(name), in: files)
    }

    /// The state of that name; nil when there is none that is whole.
    ///
    /// - Parameter damaged: told of one that cannot be used.
    /// - Throws: `invalid` when it belongs to another evaluation.
    public func load<State: Decodable>(
        _ type: State.Type = State.self, _ name: String, damaged: (Problem) throws -> Void
    ) throws -> State? {
        try whole(name, damaged) { file in
            guard let text = file.metadata[Self.stateKey] else { throw file.damaged("it holds no state") }
            return try JSONText.decode(type, from: Array(text.utf8), file: file.path)
        }
    }

    /// Keeps the features (n, D) of a block of pictures.
    public func save(_ features: Tensor, set: String, block: Int) throws {
        try CheckedTensorFile.write(
            [(Self.featuresKey, features)], [:], fingerprint: fingerprint, to: path(Self.name(set, block)), in: files)
    }

    /// The features of a block; nil when there are none that are whole.
    public func features(
        set: String, block: Int, on device: Device, damaged: (Problem) throws -> Void
    ) throws -> Tensor? {
        try whole(Self.name(set, block), damaged) { try $0.tensor(Self.featuresKey, on: device) }
    }

    private static func name(_ set: String, _ block: Int) -> String { "\(set)-\(block)" }

    private func path(_ name: String) -> String { Path.join(directory, name + ".safetensors") }

    private func whole<Value>(
        _ name: String, _ damaged: (Problem) throws -> Void, _ read: (CheckedTensorFile) throws -> Value?
    ) throws -> Value? {
        guard try files.exists(path(name)) else { return nil }
        do {
            return try read(CheckedTensorFile(path(name), fingerprint: fingerprint))
        } catch let problem as Problem where problem.code == .corrupt {
            try damaged(problem)
            return nil
        }
    }
}
