public import DurableFiles
import Problems
import StrictJSON

#if _endian(big)
    #error("safetensors data are little-endian; this reads and writes numbers as they lie in memory")
#endif

/// Writes a safetensors file tensor by tensor; it appears under its name when it is committed.
///
/// The header, which stands before the data, is made from `entries`; then each entry's data follow in their order. It is
/// padded with spaces so that the data begin at a multiple of 8 bytes.
public struct SafetensorsWriter: ~Copyable {
    /// A tensor to come.
    public struct Entry: Sendable, Hashable {
        public var name: String
        public var type: DataType
        public var shape: [Int]

        public init(_ name: String, _ shape: [Int], _ type: DataType = .float32) {
            self.name = name
            self.type = type
            self.shape = shape
        }
    }

    private var writer: DurableFileWriter
    private let entries: [Entry]
    private var written = 0

    /// - Parameter metadata: `format`: `pt` is what other programs expect of weights in PyTorch's order.
    /// - Throws: `Problem` of the file system, or `internal` for entries that make no file.
    public init(
        _ path: String, _ entries: [Entry], metadata: [String: String] = ["format": "pt"], in files: any FileSystem,
        mode: UInt32 = 0o666, durability: Durability = .synchronized
    ) throws {
        self.entries = entries
        let header = try Self.header(entries, metadata, path)
        writer = try Self.begin(path, with: header, in: files, mode, durability)
    }

    private static func begin(
        _ path: String, with header: [UInt8], in files: any FileSystem, _ mode: UInt32, _ durability: Durability
    ) throws -> DurableFileWriter {
        var writer = try DurableFileWriter(path, in: files, mode: mode, durability: durability)
        try writer.write(header)
        return writer
    }

    /// Writes the data of the next entry, which must be called `name`, hold F32 and have as many elements.
    public mutating func write(_ name: String, _ values: Span<Float>) throws {
        try write(name, .float32, values.bytes)
    }

    /// Writes the data of the next entry, which must be called `name`, hold F32 and have as many elements.
    public mutating func write(_ name: String, _ values: [Float]) throws {
        try write(name, .float32, values.span.bytes)
    }

    /// Writes the data of the next entry, which must be called `name`, hold I64 and have as many elements.
    public mutating func write(_ name: String, _ values: [Int64]) throws {
        try write(name, .int64, values.span.bytes)
    }

    /// Writes the data of the next entry, which must be called `name`, hold F16 and have as many elements.
    public mutating func write(_ name: String, halves values: [Float16]) throws {
        try write(name, .float16, values.span.bytes)
    }

    /// Writes the data of the next entry, which must be called `name` and have as many bytes: its numbers in row-major
    /// order, little-endian.
    public mutating func write(_ name: String, bytes: [UInt8]) throws { try write(name, nil, bytes.span.bytes) }

    /// Puts the file in its place. Every entry must have been written.
    public consuming func commit() throws {
        guard written == entries.count else {
            throw Self.misuse("tensor \(entries[written].name) was not written", writer.path)
        }
        try writer.commit()
    }

    /// - Parameter type: nil: whatever the entry's is.
    private mutating func write(_ name: String, _ type: DataType?, _ bytes: RawSpan) throws {
        guard written < entries.count, entries[written].name == name,
            type ?? entries[written].type == entries[written].type
        else {
            throw Self.misuse("tensor \(name) is not the next to be written", writer.path)
        }
        // The header was made, so the size is known not to overflow.
        let size = Header.byteCount(entries[written].type, entries[written].shape)
        guard bytes.byteCount == size else {
            throw Self.misuse(
                "tensor \(name) has \(bytes.byteCount) bytes, which is not the size of \(entries[written].shape)",
                writer.path)
        }
        try writer.write(bytes)
        written += 1
    }

    private static func header(_ entries: [Entry], _ metadata: [String: String], _ path: String) throws -> [UInt8] {
        var members: [JSONNode.Member] = []
        if !metadata.isEmpty {
            let texts = metadata.sorted { $0.key < $1.key }.map { JSONNode.Member($0.key, JSONNode(.string($0.value))) }
            members.append(JSONNode.Member(Header.metadataName, JSONNode(.object(texts))))
        }
        var names: Set = [Header.metadataName]
        var offset = 0
        for entry in entries {
            guard names.insert(entry.name).inserted else { throw misuse("tensor \(entry.name) occurs twice", path) }
            guard entry.shape.allSatisfy({ $0 >= 0 }), let size = Header.byteCount(entry.type, entry.shape),
                case let (end, overflow) = offset.addingReportingOverflow(size), !overflow
            else { throw misuse("tensor \(entry.name) cannot have the shape \(entry.shape)", path) }
            members.append(
                JSONNode.Member(
                    entry.name,
                    [
                        "dtype": JSONNode(.string(entry.type.rawValue)),
                        "shape": JSONNode(.array(entry.shape.map { JSONNode(.integer($0)) })),
                        "data_offsets": JSONNode(.array([JSONNode(.integer(offset)), JSONNode(.integer(end))])),
                    ]))
            offset = end
        }
        var json = Array(JSONNode(.object(members)).line.utf8)
        json += [UInt8](repeating: UInt8(ascii: " "), count: (8 - json.count % 8) % 8)
        guard json.count <= Header.maximumLength else { throw misuse("the header is too long", path) }
        return (0..<8).map { UInt8(truncatingIfNeeded: json.count >> (8 * $0)) } + json
    }

    private static func misuse(_ what: String, _ path: String) -> Problem {
        Problem(.internal, "cannot write \(path): \(what)")
    }
}
