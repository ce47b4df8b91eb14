internal import Problems
internal import StrictJSON

/// The libraries whose `config.json` files are read and written, and how these say of which class they are.
public enum ConfigLibrary: Sendable {
    /// `"_class_name": "UNet2DModel"`.
    case diffusers
    /// `"architectures": ["CLIPTextModel"]`, and the model's family.
    case transformers(modelType: String)

    /// Keys that every configuration of transformers may have; names that begin with `_` are skipped anyway.
    private static let keysOfTransformers: Set = [
        "architectures", "model_type", "transformers_version", "dtype", "torch_dtype", "return_dict",
        "output_attentions", "output_hidden_states", "chunk_size_feed_forward", "is_encoder_decoder",
        "tie_word_embeddings", "problem_type", "id2label", "label2id",
    ]

    /// Where the class stands, and what stands there.
    fileprivate func className(in root: JSONNode) -> (path: JSONPath, node: JSONNode?) {
        switch self {
        case .diffusers:
            let key = "_class_name"
            return (.root.member(key), root[key])
        case .transformers:
            let key = "architectures"
            guard let elements = root[key]?.elements, elements.count == 1 else { return (.root.member(key), root[key]) }
            return (.root.member(key).element(0), elements[0])
        }
    }

    /// The keys of the network itself.
    fileprivate func ownKeys(of root: JSONNode) -> JSONNode {
        switch self {
        case .diffusers: return root
        case .transformers:
            let members = (root.members ?? []).filter { !Self.keysOfTransformers.contains($0.name) }
            return JSONNode(.object(members), place: root.place)
        }
    }

    /// What tells the class, in a file that is written.
    fileprivate func head(className: String, diffusersVersion: String) -> JSONNode {
        let name = JSONNode(.string(className))
        switch self {
        case .diffusers: return ["_class_name": name, "_diffusers_version": JSONNode(.string(diffusersVersion))]
        case .transformers(let modelType): return ["architectures": [name], "model_type": JSONNode(.string(modelType))]
        }
    }
}

extension JSONNode {
    func asConfig(
        of library: ConfigLibrary = .diffusers, className: String, diffusersVersion: String
    ) -> JSONNode {
        let head = library.head(className: className, diffusersVersion: diffusersVersion)
        return JSONNode(.object((head.members ?? []) + (members ?? [])))
    }

    /// Reads this object as the one of the known classes that it says.
    func readConfig<Known, Value>(
        of library: ConfigLibrary = .diffusers, among known: [Known], _ name: (Known) -> String, file: String?,
        _ read: (JSONNode, Known, inout Report) -> Value?
    ) throws(Problems) -> (configuration: Value, warnings: [Problem]) {
        var report = Report(unknownKeys: .areWarnings)
        let value = Report.className(of: self, in: library, among: known, name, &report).flatMap {
            read(library.ownKeys(of: self), $0, &report)
        }
        try report.check(file: file)
        guard let value else {
            throw Problems([Problem(.internal, "the configuration was not read", file: file)])
        }
        return (value, report.warnings.map { file.map($0.inFile) ?? $0 })
    }
}

extension Report {
    /// The one of the known classes that the object names; nil after reporting a problem.
    static func className<Known>(
        of root: JSONNode, in library: ConfigLibrary = .diffusers, among known: [Known], _ name: (Known) -> String,
        _ report: inout Report
    ) -> Known? {
        let (path, found) = library.className(in: root)
        let names = known.map(name).joined(separator: ", ")
        guard let node = found else {
            report.add(
                "the key \"\(path.name)\" is missing, so the class is not known",
                remedy: "Add it; diffd knows \(names).",
                at: path, root.place)
            return nil
        }
        guard let text = node.string else { return report.mismatch(node, path, "a class name") }
        if let found = known.first(where: { name($0) == text }) { return found }
        report.add(
            "the class \"\(text.prefix(80))\" is not supported", remedy: "diffd knows \(names).", at: path, node.place,
            code: .unsupported)
        return nil
    }
}
