public import Problems
public import StrictJSON

/// What a network is built from: the keys of its `config.json` with their rules, and what must be known of it before it
/// is built.
public protocol NetworkConfiguration: Described, Hashable {
    /// The `architecture` of a job file's `model`.
    static var architecture: String { get }
    /// The values of `_class_name` under which `config.json` files have it, the usual one first.
    static var classNames: [String] { get }
    /// The name of its folder in a pipeline's directory.
    static var component: String { get }

    /// `_class_name` of the `config.json` that is written: diffusers' where it has the class, ours otherwise.
    var className: String { get }
    /// Whether diffusers has a class that computes it.
    var isDiffusersClass: Bool { get }
    /// The keys as `config.json` has them.
    var configJSON: JSONNode { get }
    /// What it costs, where that is known before it is built.
    var cost: NetworkCost? { get }

    /// Reads a `config.json`.
    ///
    /// - Parameter className: one of `classNames`.
    /// - Returns: nil after reporting a problem.
    static func read(config root: JSONNode, of className: String, into report: inout Report) -> Self?
}

extension NetworkConfiguration {
    public var className: String { Self.classNames[0] }
    public var isDiffusersClass: Bool { false }
    public var configJSON: JSONNode { json }
    public var cost: NetworkCost? { nil }

    public static func read(config root: JSONNode, of className: String, into report: inout Report) -> Self? {
        read(root, into: &report)
    }

    /// As `config.json`.
    ///
    /// - Parameter diffusersVersion: the version of diffusers whose format it follows.
    public func config(diffusersVersion: String) -> JSONNode {
        configJSON.asConfig(className: className, diffusersVersion: diffusersVersion)
    }

    /// Reads a `config.json` of one of its classes. Absent keys take the class's defaults; unknown keys are warnings,
    /// since newer versions of diffusers add some.
    public static func read(
        config bytes: [UInt8], file: String? = nil
    ) throws(Problems) -> (configuration: Self, warnings: [Problem]) {
        try JSONNode.parse(bytes, file: file).readConfig(among: classNames, \.self, file: file) { root, name, report in
            read(config: root, of: name, into: &report)
        }
    }
}

/// What a network costs, known before it is built.
public struct NetworkCost: Sendable, Hashable {
    /// Trainable numbers.
    public var parameters: Int
    /// Multiply-adds of matrix products in one forward pass of one sample. Papers on diffusion transformers call a
    /// billion of them a "Gflop".
    public var multiplyAdds: Double
}

extension JSONNode {
    func asConfig(className: String, diffusersVersion: String) -> JSONNode {
        let head: JSONNode = [
            "_class_name": JSONNode(.string(className)), "_diffusers_version": JSONNode(.string(diffusersVersion)),
        ]
        return JSONNode(.object((head.members ?? []) + (members ?? [])))
    }

    /// Reads this object as the one of the known classes that its `_class_name` says.
    func readConfig<Known, Value>(
        among known: [Known], _ name: (Known) -> String, file: String?,
        _ read: (JSONNode, Known, inout Report) -> Value?
    ) throws(Problems) -> (configuration: Value, warnings: [Problem]) {
        var report = Report(unknownKeys: .areWarnings)
        let value = Report.className(of: self, among: known, name, &report).flatMap { read(self, $0, &report) }
        try report.check(file: file)
        guard let value else {
            throw Problems([Problem(.internal, "the configuration was not read", file: file)])
        }
        return (value, report.warnings.map { file.map($0.inFile) ?? $0 })
    }
}

extension Report {
    /// The one of the known classes that the object's `_class_name` names; nil after reporting a problem.
    static func className<Known>(
        of root: JSONNode, among known: [Known], _ name: (Known) -> String, _ report: inout Report
    ) -> Known? {
        let path = JSONPath.root.member("_class_name")
        let names = known.map(name).joined(separator: ", ")
        guard let node = root["_class_name"] else {
            report.add(
                "the key \"_class_name\" is missing, so the class is not known",
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
