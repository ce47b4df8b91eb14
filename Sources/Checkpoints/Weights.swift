internal import DurableFiles
internal import Problems
internal import Safetensors
internal import StrictJSON

/// The weights of one network: safetensors files, whole or in shards, and how they name what they hold.
public struct Weights: Sendable {
    /// What diffusers calls the weights of its networks.
    static let diffusersStem = "diffusion_pytorch_model"
    /// What diffusers calls them, and what transformers does.
    private static let stems = [diffusersStem, "model"]
    public static let fileName = "\(diffusersStem).safetensors"

    /// Where the files lie.
    public let path: String
    /// The safetensors files that hold the weights, in the order of their names.
    public let files: [String]
    /// The middle of the files' names, such as `fp16`; nil for plain ones.
    public let variant: String?
    /// What to do where the files and the network differ.
    let remedy: String
    /// Nil: the files' keys tell it.
    let names: TensorNames?
    /// What adapters add to the files' weights, by the name of the parameter.
    var deltas: [String: [WeightDelta]] = [:]

    /// Those in the directory of a network, such as `unet/`: the files of the variant, else plain files, else the only
    /// ones that there are.
    ///
    /// - Parameter variant: the middle of their names, as diffusers' `variant=`.
    /// - Throws: `missing` when it holds no safetensors weights, or several variants and none of them plain.
    public init(_ path: String, variant: String? = nil) throws {
        self.path = path
        remedy = "The weights and config.json must come from the same model."
        names = nil
        let entries = try PosixFileSystem().list(path).entries.filter { $0.kind != .directory }.map(\.name)
        let found = entries.compactMap(Found.init)
        func first(_ variant: String?) -> Found? { found.first { $0.variant == variant } }
        let variants = Set(found.map(\.variant))
        guard let chosen = variant.flatMap(first) ?? first(nil) ?? (variants.count == 1 ? found.first : nil) else {
            throw Self.missing(in: path, entries, found.compactMap(\.variant))
        }
        let file = Path.join(path, chosen.name)
        self.variant = chosen.variant
        files = chosen.isIndex ? try Self.shards(of: file, in: path) : [file]
    }

    /// A single file, wherever it lies and whatever it is called.
    ///
    /// - Parameter remedy: what to do where it does not fit the network.
    public init(file: String, remedy: String) { self.init(file: file, remedy: remedy, names: nil) }

    /// A single file that may hold other networks too.
    init(file: String, remedy: String, names: TensorNames?) {
        path = Path.parent(file)
        files = [file]
        variant = nil
        self.remedy = remedy
        self.names = names
    }

    /// A file that holds weights, or the index of those that do.
    private struct Found {
        let name: String
        let variant: String?
        let isIndex: Bool

        /// Nil for a file of another name, such as a shard's.
        init?(_ name: String) {
            guard let stem = stems.first(where: { name.hasPrefix($0 + ".") }) else { return nil }
            self.name = name
            // diffusers writes the variant of an index before its last part.
            let rest = name.dropFirst(stem.count + 1).split(separator: ".", omittingEmptySubsequences: false)
            switch rest.map(String.init) {
            case ["safetensors"]: (variant, isIndex) = (nil, false)
            case ["safetensors", "index", "json"]: (variant, isIndex) = (nil, true)
            case let parts where parts.count == 2 && parts[1] == "safetensors" && !parts[0].contains("-of-"):
                (variant, isIndex) = (parts[0], false)
            case let parts where parts.count == 4 && parts[0] == "safetensors" && parts[1] == "index":
                (variant, isIndex) = (parts[2], true)
            case let parts where parts.count == 4 && Array(parts[1...]) == ["safetensors", "index", "json"]:
                (variant, isIndex) = (parts[0], true)
            default: return nil
            }
        }
    }

    private static func missing(in path: String, _ entries: [String], _ variants: [String]) -> Problem {
        let file = Path.join(path, fileName)
        guard variants.isEmpty else {
            return Problem(
                .missing,
                "the weights in \(path) are there as the variants \(Set(variants).sorted().joined(separator: ", "))",
                remedy: "Name one of them with \"variant\".", file: file)
        }
        let names = entries.sorted().prefix(12).joined(separator: ", ")
        return Problem(
            .missing,
            "there are no weights in \(path), which holds \(names.isEmpty ? "no files" : names)",
            remedy: "It needs \(fileName) or model.safetensors; with diffusers, save_pretrained(..., "
                + "safe_serialization=True) writes it.",
            file: file)
    }

    /// The files that a shard index names.
    private static func shards(of index: String, in directory: String) throws -> [String] {
        let bytes = try PosixFileSystem().read(index, limit: 1 << 26, followsLinks: true)
        guard let map = try JSONNode.parse(bytes, file: index)["weight_map"]?.members else {
            throw Problem(
                .corrupt, "the shard index has no weight_map", remedy: "Save the model again.", file: index)
        }
        var names: Set<String> = []
        for entry in map {
            // A shard lies beside its index; anything else could name any file of the machine.
            guard let name = entry.node.string, !name.isEmpty, !name.contains("/"), name != ".." else {
                throw Problem(
                    .corrupt, "the shard index names no file for \(entry.name)", remedy: "Save the model again.",
                    file: index, line: entry.node.place?.line, column: entry.node.place?.column)
            }
            names.insert(name)
        }
        return names.sorted().map { Path.join(directory, $0) }
    }

    /// SHA-256 of the weights file, or of its shards' digests in the order of their names.
    public func digest() throws -> String {
        if files.count == 1 { return try SHA256.digest(ofFile: files[0]).description }
        let digests = try files.flatMap { try SHA256.digest(ofFile: $0).bytes }
        return try SHA256.digest(of: digests).description
    }

    /// The files as they are now: what they hold is the same as long as this is.
    func state() throws -> [FileStatus?] {
        let adapters = Set(deltas.values.joined().map(\.file.path)).sorted()
        return try (files + adapters).map { try PosixFileSystem().status($0, followsLinks: true) }
    }
}
