internal import DurableFiles
internal import Problems
internal import StrictJSON

/// A tokenizer's directory, as transformers and diffusers write it.
struct TokenizerDirectory {
    /// The files of known tokenizers have a quarter of it.
    private static let limit = 1 << 24

    let path: String

    /// A JSON file with an object in it; nil where there is none of this name.
    func object(_ name: String) throws -> TokenizerFile? {
        let file = Path.join(path, name)
        guard try PosixFileSystem().exists(file) else { return nil }
        let root = try JSONNode.parse(bytes(name), file: file)
        guard root.members != nil else {
            throw Problem(.corrupt, "the file holds \(root.kindDescription), not an object", file: file)
        }
        return TokenizerFile(path: file, root: root)
    }

    /// A text file, which there must be.
    func text(_ name: String) throws -> String {
        guard let text = String(validating: try bytes(name), as: UTF8.self) else {
            throw Problem(.corrupt, "the file is not UTF-8", file: Path.join(path, name))
        }
        return text
    }

    private func bytes(_ name: String) throws -> [UInt8] {
        try PosixFileSystem().read(Path.join(path, name), limit: Self.limit, followsLinks: true)
    }
}

/// A JSON file of a tokenizer.
struct TokenizerFile {
    let path: String
    let root: JSONNode

    subscript(key: String) -> JSONNode? { root[key] }

    func corrupt(_ message: String, remedy: String? = nil, at node: JSONNode? = nil) -> Problem {
        problem(.corrupt, message, remedy, node)
    }

    func unsupported(_ message: String, remedy: String? = nil, at node: JSONNode? = nil) -> Problem {
        problem(.unsupported, message, remedy, node)
    }

    private func problem(_ code: Problem.Code, _ message: String, _ remedy: String?, _ node: JSONNode?) -> Problem {
        Problem(code, message, remedy: remedy, file: path, line: node?.place?.line, column: node?.place?.column)
    }
}
