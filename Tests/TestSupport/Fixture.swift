import DurableFiles
public import Problems
import Safetensors
public import StrictJSON

/// One subject of Tests/Fixtures: what the cases are (`NAME.json`) and their tensors (`NAME.safetensors`).
public struct Fixture: Sendable {
    /// Numbers in PyTorch's order, as the reference wrote them.
    public struct Tensor: Sendable, Hashable {
        public var shape: [Int]
        public var values: [Float]
    }

    /// One case: its options in the JSON, and its tensors.
    public struct Case: Sendable, CustomStringConvertible {
        public let name: String
        public let options: JSONNode
        /// By their names without the case's: `input`, `weights.conv_in.bias`.
        public let tensors: [String: Tensor]

        /// A tensor that the case must have.
        public func tensor(_ name: String) throws(Problem) -> Tensor {
            if let tensor = tensors[name] { return tensor }
            throw Problem(
                .missing, "the fixture's case \(self.name) has no tensor \(name)",
                remedy: "It has \(tensors.keys.sorted())")
        }

        /// The tensors whose names begin with `prefix`, by the rest of their names: the weights under `weights.`.
        public func tensors(under prefix: String) -> [String: Tensor] {
            var found: [String: Tensor] = [:]
            for (name, tensor) in tensors where name.hasPrefix(prefix) {
                found[String(name.dropFirst(prefix.count))] = tensor
            }
            return found
        }

        public var description: String { name }
    }

    public let cases: [Case]

    /// Reads a subject whole. Some have no tensors.
    public init(_ name: String) throws {
        let files = PosixFileSystem()
        let text = Self.path("\(name).json")
        let json = try JSONNode.parse(files.read(text, limit: 1 << 26), file: text)
        guard let members = json["cases"]?.elements else { throw Problem(.corrupt, "\(text) has no cases") }
        var tensors: [String: [String: Tensor]] = [:]
        let data = Self.path("\(name).safetensors")
        if try files.exists(data) {
            let file = try SafetensorsFile(data)
            for (key, info) in file.tensors {
                // Case names hold no dots.
                let parts = key.split(separator: ".", maxSplits: 1)
                guard parts.count == 2 else {
                    throw Problem(.corrupt, "\(data) has the tensor \(key), which has no case")
                }
                tensors[String(parts[0]), default: [:]][String(parts[1])] = Tensor(
                    shape: info.shape, values: try file.floats(key))
            }
        }
        cases = try members.map { options in
            guard let name = options["name"]?.string else {
                throw Problem(.corrupt, "\(text) has a case without a name")
            }
            return Case(name: name, options: options, tensors: tensors[name] ?? [:])
        }
    }

    /// A case that the fixture must have.
    public subscript(_ name: String) -> Case {
        get throws(Problem) {
            if let found = cases.first(where: { $0.name == name }) { return found }
            throw Problem(.missing, "the fixture has no case \(name)", remedy: "It has \(cases.map(\.name))")
        }
    }

    /// The path of a file in Tests/Fixtures.
    public static func path(_ name: String) -> String {
        Path.join(Path.parent(Path.parent(#filePath)), "Fixtures/\(name)")
    }
}
