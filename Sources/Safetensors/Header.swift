import Problems
import StrictJSON

/// What a safetensors file says of one of its tensors.
public struct TensorInfo: Sendable, Hashable {
    public var type: DataType
    /// Outermost dimension first; empty for a single number.
    public var shape: [Int]
    /// Where its bytes lie in the file.
    public var range: Range<Int>

    /// Number of elements.
    public var count: Int { range.count / type.size }
}

/// The head of a safetensors file: 8 bytes that give the length of a JSON object, then the object, which names each
/// tensor's type, shape and place (https://huggingface.co/docs/safetensors, "Format").
///
/// Everything that the format asks for is checked here, so that a range from a header lies in the file, holds just the
/// tensor's elements, and overlaps no other.
struct Header {
    /// The format's own limit.
    static let maximumLength = 100_000_000
    static let metadataName = "__metadata__"

    var metadata: [String: String] = [:]
    var tensors: [String: TensorInfo] = [:]

    /// Reads the length from the file's first 8 bytes.
    static func length(_ bytes: [UInt8], fileSize: Int, file: String) throws(Problem) -> Int {
        guard bytes.count == 8 else {
            throw corrupt("is too short for a safetensors file: \(fileSize) bytes", file)
        }
        let length = bytes.reversed().reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(maximumLength) else {
            throw corrupt("claims a header of \(length) bytes; at most \(maximumLength) are allowed", file)
        }
        guard length <= UInt64(fileSize - 8) else {
            throw corrupt("ends within its header: \(fileSize) of \(length + 8) bytes", file)
        }
        return Int(length)
    }

    /// - Parameters:
    ///   - json: the header's bytes, without the length before them.
    ///   - fileSize: size of the whole file in bytes.
    init(json: [UInt8], fileSize: Int, file: String) throws(Problem) {
        guard json.first == UInt8(ascii: "{") else {
            throw Self.corrupt("is no safetensors file: its header does not begin with {", file)
        }
        let members: [JSONNode.Member]
        do {
            // Cannot be anything but an object after the test above.
            members = try JSONNode.parse(json).members ?? []
        } catch {
            throw Self.corrupt("has a header that is not JSON", file, error.all.first)
        }
        let dataStart = 8 + json.count
        for member in members {
            let path = JSONPath.root.member(member.name)
            if member.name == Self.metadataName {
                metadata = try Self.metadata(member.node, path, file)
            } else {
                tensors[member.name] = try Self.tensor(member, path, dataStart: dataStart, fileSize: fileSize, file)
            }
        }
        try checkCoverage(dataStart..<fileSize, file)
    }

    private static func metadata(
        _ node: JSONNode, _ path: JSONPath, _ file: String
    ) throws(Problem) -> [String: String] {
        guard let members = node.members else { throw corrupt("has metadata that is not an object", file, path) }
        var metadata: [String: String] = [:]
        for member in members {
            guard let text = member.node.string else {
                throw corrupt("has metadata that is not text: \(member.name)", file, path.member(member.name))
            }
            metadata[member.name] = text
        }
        return metadata
    }

    private static func tensor(
        _ member: JSONNode.Member, _ path: JSONPath, dataStart: Int, fileSize: Int, _ file: String
    ) throws(Problem) -> TensorInfo {
        let name = member.name
        guard let fields = member.node.members, Set(fields.map(\.name)) == ["dtype", "shape", "data_offsets"] else {
            throw corrupt("gives for tensor \(name) not just dtype, shape and data_offsets", file, path)
        }
        guard let word = member.node["dtype"]?.string else {
            throw corrupt("gives tensor \(name) a dtype that is not text", file, path.member("dtype"))
        }
        guard let type = DataType(rawValue: word) else {
            throw Problem(
                .unsupported, "tensor \(name) of \(file) has the unknown dtype \(word)",
                remedy: "Convert the file to F32, F16 or BF16", file: file, path: path.member("dtype").description)
        }
        guard let shape = sizes(member.node["shape"]) else {
            throw corrupt("gives tensor \(name) a shape that is no list of sizes", file, path.member("shape"))
        }
        guard let offsets = sizes(member.node["data_offsets"]), offsets.count == 2, offsets[0] <= offsets[1] else {
            throw corrupt(
                "gives tensor \(name) data_offsets that are no pair of begin and end", file, path.member("data_offsets")
            )
        }
        guard offsets[1] <= fileSize - dataStart else {
            throw corrupt(
                "ends within tensor \(name): it has \(fileSize - dataStart) of \(offsets[1]) bytes of data", file,
                path.member("data_offsets"))
        }
        guard let size = byteCount(type, shape), size == offsets[1] - offsets[0] else {
            throw corrupt(
                "gives tensor \(name) \(offsets[1] - offsets[0]) bytes, which is not the size of \(word) \(shape)",
                file,
                path.member("data_offsets"))
        }
        return TensorInfo(type: type, shape: shape, range: dataStart + offsets[0]..<dataStart + offsets[1])
    }

    /// A list of integers that are not negative.
    private static func sizes(_ node: JSONNode?) -> [Int]? {
        guard let elements = node?.elements else { return nil }
        var sizes: [Int] = []
        for element in elements {
            guard case .integer(let size) = element.content, size >= 0 else { return nil }
            sizes.append(size)
        }
        return sizes
    }

    /// The size of a tensor in bytes; nil when it is more than an `Int` holds.
    static func byteCount(_ type: DataType, _ shape: [Int]) -> Int? {
        // Without this a 0 behind dimensions that overflow would count as an overflow.
        if shape.contains(0) { return 0 }
        var size = type.size
        for dimension in shape {
            let (product, overflow) = size.multipliedReportingOverflow(by: dimension)
            if overflow { return nil }
            size = product
        }
        return size
    }

    /// Tensors follow each other without hole or overlap from the header to the end of the file.
    private func checkCoverage(_ data: Range<Int>, _ file: String) throws(Problem) {
        var end = data.lowerBound
        var before = "the header"
        for (name, tensor) in tensors.sorted(by: Self.isBefore) {
            guard tensor.range.lowerBound == end else {
                throw Self.corrupt(
                    tensor.range.lowerBound < end
                        ? "has tensor \(name) overlap \(before)" : "has a hole between \(before) and tensor \(name)",
                    file, JSONPath.root.member(name).member("data_offsets"))
            }
            end = tensor.range.upperBound
            before = "tensor \(name)"
        }
        guard end == data.upperBound else {
            throw Self.corrupt("has \(data.upperBound - end) bytes after its last tensor", file)
        }
    }

    /// By place in the file; empty tensors before the one that begins where they lie, then by name.
    static func isBefore(_ a: (key: String, value: TensorInfo), _ b: (key: String, value: TensorInfo)) -> Bool {
        (a.value.range.lowerBound, a.value.range.upperBound, a.key)
            < (b.value.range.lowerBound, b.value.range.upperBound, b.key)
    }

    private static func corrupt(_ what: String, _ file: String, _ path: JSONPath? = nil) -> Problem {
        Problem(
            .corrupt, "\(file) \(what)", remedy: "Download or export the file again", file: file,
            path: path?.description)
    }

    private static func corrupt(_ what: String, _ file: String, _ fault: Problem?) -> Problem {
        var problem = corrupt(what, file)
        problem.path = fault?.path
        problem.line = fault?.line
        problem.column = fault?.column
        problem.cause = fault?.message
        return problem
    }
}
