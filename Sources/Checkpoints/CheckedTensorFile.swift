internal import DurableFiles
internal import Problems
internal import Safetensors
internal import TensorCore

/// A safetensors file of a job's own, in which every bit counts: its metadata hold the shape and the SHA-256 sum of each
/// tensor, and a sum of the metadata themselves.
struct CheckedTensorFile {
    let path: String
    let metadata: [String: String]
    private let file: SafetensorsFile

    private static let (fingerprintKey, versionKey) = ("fingerprint", "version")

    /// Writes a file that appears under its name whole and durable, or not at all.
    ///
    /// - Parameters:
    ///   - fingerprint: of what the file belongs to.
    ///   - version: of what it holds; files of the first version do not say it.
    static func write(
        _ tensors: [(name: String, tensor: Tensor)], _ metadata: [String: String], fingerprint: String,
        version: Int = 1, to path: String, in files: any FileSystem
    ) throws {
        var metadata = metadata
        if version > 1 { metadata[versionKey] = String(version) }
        metadata["format"] = "pt"
        metadata[fingerprintKey] = fingerprint
        for (name, tensor) in tensors { metadata[TensorChecksums.key(name)] = try describe(tensor) }
        var writer = try SafetensorsWriter(
            path, tensors.map { .init($0.name, Array($0.tensor.shape)) }, metadata: TensorChecksums.seal(metadata),
            in: files)
        for (name, tensor) in tensors { try tensor.withSpan { try writer.write(name, $0) } }
        try writer.commit()
    }

    /// Opens a file whose metadata are whole.
    ///
    /// - Throws: `corrupt` when it is damaged; when it is whole, `unsupported` for one of another version and `invalid`
    ///   for one that belongs to something else.
    init(_ path: String, fingerprint: String, version: Int = 1) throws {
        self.path = path
        do {
            file = try SafetensorsFile(path)
        } catch let problem as Problem where problem.code == .unsupported {
            throw Self.damaged(problem.message, path)
        }
        guard let metadata = try TensorChecksums.unseal(file.metadata) else {
            throw Self.damaged("the checksum of its metadata differs", path)
        }
        let found = metadata[Self.versionKey].flatMap { Int($0) } ?? 1
        guard found == version else {
            throw Problem(
                .unsupported, "the saved state is of \(found < version ? "an older" : "a newer") version of diffd",
                remedy: "The work begins anew; nothing needs to be done.", file: path)
        }
        guard metadata[Self.fingerprintKey] == fingerprint else {
            throw Problem(
                .invalid, "the saved state belongs to another configuration",
                remedy: "Submit changed work under a new job; this job's files are not to be edited.", file: path)
        }
        self.metadata = metadata
    }

    /// A tensor, nil when there is none of that name.
    ///
    /// - Throws: `corrupt` when it is not the one that was written.
    func tensor(_ name: String, on device: Device) throws -> Tensor? {
        guard let expected = metadata[TensorChecksums.key(name)] else { return nil }
        guard let info = file.tensors[name], info.type == .float32 else {
            throw damaged("the tensor \(name) is missing")
        }
        guard info.shape.count <= Shape.maximumRank else { throw damaged("the tensor \(name) has too many axes") }
        let tensor = Tensor(try file.floats(name), shape: Shape(info.shape), on: device)
        guard try Self.describe(tensor) == expected else { throw damaged("the checksum of \(name) differs") }
        return tensor
    }

    func damaged(_ what: String) -> Problem { Self.damaged(what, path) }

    private static func damaged(_ what: String, _ path: String) -> Problem {
        Problem(
            .corrupt, "the saved state is damaged: \(what)",
            remedy: "The work resumes from an older state, or begins anew; remove this file to silence the message.",
            file: path)
    }

    private static func describe(_ tensor: Tensor) throws -> String {
        try tensor.withSpan { try TensorChecksums.describe(shape: Array(tensor.shape), $0.bytes) }
    }
}
