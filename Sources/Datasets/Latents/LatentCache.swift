public import DurableFiles
internal import Problems
internal import Safetensors

/// Latents on disk, found by what they were computed from: a file for each block of samples, named by the SHA-256 sum of their pixels and
/// of the encoder. So nothing in the directory is ever out of date, all that use the same share it, and any of it may be removed.
public struct LatentCache: Sendable {
    private let directory: String
    private let encoder: String
    private let files: any FileSystem

    /// - Parameters:
    ///   - directory: made when it is missing.
    ///   - encoder: names what encodes: its weights and configuration.
    public init(_ directory: String, encoder: String, in files: any FileSystem = PosixFileSystem()) {
        self.directory = directory
        self.encoder = encoder
        self.files = files
    }

    /// Numbers in a block at most, as pixels: what is encoded again after an interruption, and held in memory meanwhile.
    static let blockSize = 1 << 22

    /// The name of the latents of these pictures (N, H, W, C).
    func key(of pixels: [Float], _ latents: [Int]) throws -> String {
        var sum = try SHA256()
        try sum.update(Array("diffd latents 1\n\(encoder)\n\(latents)\n\(pixels.count)\n".utf8).span.bytes)
        try sum.update(pixels.span.bytes)
        return try sum.digest().description
    }

    /// The latents of that name; nil when there are none.
    ///
    /// - Parameter shape: of one sample.
    /// - Throws: `corrupt` for a file that is not as it was written.
    func open(_ key: String, count: Int, shape: [Int]) throws -> SafetensorsFile? {
        let path = path(of: key)
        guard try files.exists(path) else { return nil }
        func damaged(_ what: String) -> Problem {
            Problem(.corrupt, "the cached latents are damaged: \(what)", remedy: "They are computed again.", file: path)
        }
        let file: SafetensorsFile
        do { file = try SafetensorsFile(path) } catch let problem as Problem { throw damaged(problem.message) }
        if let damage = try TensorChecksums.damage(of: file) { throw damaged(damage) }
        let isWhole = (0..<count).allSatisfy {
            let info = file.tensors[Self.name($0)]
            return info?.type == .float32 && info?.shape == shape
        }
        guard isWhole, file.tensors.count == count else { throw damaged("it holds other tensors") }
        return file
    }

    /// Keeps latents under that name, whole or not at all.
    func write(_ latents: [[Float]], shape: [Int], as key: String) throws {
        try files.createDirectoriesDurably(directory, mode: 0o770)
        var metadata: [String: String] = [:]
        for (number, values) in latents.enumerated() {
            metadata[TensorChecksums.key(Self.name(number))] = try TensorChecksums.describe(
                shape: shape, values.span.bytes)
        }
        var writer = try SafetensorsWriter(
            path(of: key), latents.indices.map { .init(Self.name($0), shape) },
            metadata: TensorChecksums.seal(metadata), in: files, mode: 0o660)
        for (number, values) in latents.enumerated() { try writer.write(Self.name(number), values) }
        try writer.commit()
    }

    private func path(of key: String) -> String { Path.join(directory, key + ".safetensors") }

    static func name(_ sample: Int) -> String { String(sample) }
}
