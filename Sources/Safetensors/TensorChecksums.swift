import DurableFiles
import StrictJSON

/// Checksums that a file of a job's own carries in its metadata: `tensor.NAME` with the shape and the SHA-256 sum of each tensor, and
/// `sha256` with a sum of all the other metadata.
public enum TensorChecksums {
    private static let sumKey = "sha256"
    private static let prefix = "tensor."

    /// The metadata key of a tensor's sum.
    public static func key(_ name: String) -> String { prefix + name }

    /// `[2, 3] 9f86d0...`: the shape and the sum of the bytes.
    public static func describe(shape: [Int], _ bytes: RawSpan) throws -> String {
        let sum = try SHA256.digest(of: bytes)
        return "\(shape) \(sum)"
    }

    /// The metadata together with their sum.
    public static func seal(_ metadata: [String: String]) throws -> [String: String] {
        try metadata.merging([sumKey: sum(of: metadata)]) { $1 }
    }

    /// The metadata that were sealed; nil when they are not those.
    public static func unseal(_ sealed: [String: String]) throws -> [String: String]? {
        var metadata = sealed
        guard let sum = metadata.removeValue(forKey: sumKey), try sum == self.sum(of: metadata) else { return nil }
        return metadata
    }

    /// What is damaged in a sealed file; nil when it is whole.
    public static func damage(of file: SafetensorsFile) throws -> String? {
        guard let metadata = try unseal(file.metadata) else { return "the checksum of its metadata differs" }
        for (key, expected) in metadata.sorted(by: { $0.key < $1.key }) where key.hasPrefix(prefix) {
            let name = String(key.dropFirst(prefix.count))
            guard let info = file.tensors[name] else { return "the tensor \(name) is missing" }
            let bytes = try file.bytes(name)
            let found = try describe(shape: info.shape, bytes.span.bytes)
            if found != expected { return "the checksum of \(name) differs" }
        }
        return nil
    }

    private static func sum(of metadata: [String: String]) throws -> String {
        try SHA256.digest(of: JSONText.encode(metadata, .line)).description
    }
}
