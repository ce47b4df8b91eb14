public import DurableFiles
public import TensorCore

/// What text encoders have made of sequences of tokens, kept while a job runs: a file for each.
public struct TextStore: Sendable {
    private let directory: String
    private let files: any FileSystem
    private static let (tokensName, pooledName) = ("tokens", "pooled")

    public init(_ directory: String, in files: any FileSystem) {
        self.directory = directory
        self.files = files
    }

    /// Makes the directory.
    public func create() throws { try files.createDirectoriesDurably(directory, mode: 0o770) }

    /// - Parameter key: what decides the result, as a name for a file.
    public func holds(_ key: String) throws -> Bool { try files.exists(path(key)) }

    /// - Parameters:
    ///   - tokens: (S, D).
    ///   - pooled: (P).
    public func save(tokens: Tensor, pooled: Tensor?, as key: String) throws {
        try CheckedTensorFile.write(
            [(Self.tokensName, tokens)] + (pooled.map { [(Self.pooledName, $0)] } ?? []), [:], fingerprint: key,
            to: path(key), in: files)
    }

    /// - Throws: `corrupt` where the file was changed.
    public func load(_ key: String, on device: Device) throws -> (tokens: Tensor, pooled: Tensor?) {
        let file = try CheckedTensorFile(path(key), fingerprint: key)
        guard let tokens = try file.tensor(Self.tokensName, on: device), tokens.shape.rank == 2 else {
            throw file.damaged("it holds no tokens")
        }
        return (tokens, try file.tensor(Self.pooledName, on: device))
    }

    private func path(_ key: String) -> String { Path.join(directory, "\(key).safetensors") }
}
