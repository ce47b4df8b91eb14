public import Problems
public import StrictJSON

/// What a network is built from: the keys of its `config.json` with their rules, and what must be known of it before it
/// is built.
public protocol NetworkConfiguration: Described, Hashable {
    /// The `architecture` of a job file's `model`.
    static var architecture: String { get }
    /// The classes under which `config.json` files have it, the usual one first.
    static var classNames: [String] { get }
    /// The name of its folder in a pipeline's directory.
    static var component: String { get }
    /// Whose `config.json` files it has.
    static var library: ConfigLibrary { get }

    /// The class in the `config.json` that is written: diffusers' where it has the class, ours otherwise.
    var className: String { get }
    /// Whether diffusers, or the library that the files are of, has a class that computes it.
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
    public static var library: ConfigLibrary { .diffusers }

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
        configJSON.asConfig(of: Self.library, className: className, diffusersVersion: diffusersVersion)
    }

    /// Reads a `config.json` of one of its classes. Absent keys take the class's defaults; unknown keys are warnings,
    /// since newer versions of diffusers add some.
    public static func read(
        config bytes: [UInt8], file: String? = nil
    ) throws(Problems) -> (configuration: Self, warnings: [Problem]) {
        try JSONNode.parse(bytes, file: file).readConfig(of: library, among: classNames, \.self, file: file) {
            root, name, report in
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
