public import Problems
public import StrictJSON

/// The configuration of a denoising network, whichever of `Networks.denoisers` it is.
@dynamicMemberLookup
public struct ModelConfiguration: Sendable {
    public var network: any DenoiserConfiguration

    public init(_ network: any DenoiserConfiguration) { self.network = network }

    public subscript<Value>(dynamicMember member: KeyPath<any DenoiserConfiguration, Value>) -> Value {
        network[keyPath: member]
    }

    public var architecture: String { type(of: network).architecture }
    /// The name of its folder in a pipeline's directory.
    public var component: String { type(of: network).component }
    /// The key that says how many channels samples have.
    public var channelsKey: String { type(of: network).channelsKey }
    /// The key that says how many classes it takes.
    public var classCountKey: String { type(of: network).classCountKey }

    /// What that key must say for so many classes.
    public func classTableSize(for classes: Int) -> Int {
        type(of: network).classCountHasNull && network.classConditioning.nullClass != nil ? classes + 1 : classes
    }
}

extension ModelConfiguration: Hashable {
    public static func == (a: ModelConfiguration, b: ModelConfiguration) -> Bool {
        AnyHashable(a.network) == AnyHashable(b.network)
    }

    public func hash(into hasher: inout Hasher) { network.hash(into: &hasher) }
}

extension ModelConfiguration {
    /// As the `model` of a job file: an object whose `architecture` says the rest.
    public static let form = Form<ModelConfiguration>.oneOf(
        "architecture", Networks.denoisers.map { $0.alternative },
        elsewhere: Networks.autoencoders.map { $0.architecture })

    /// Reads a denoiser's `config.json`, in which `_class_name` decides.
    public static func read(
        config bytes: [UInt8], file: String? = nil
    ) throws(Problems) -> (configuration: ModelConfiguration, warnings: [Problem]) {
        let known = Networks.denoisers.flatMap { network in network.classNames.map { (name: $0, network: network) } }
        return try JSONNode.parse(bytes, file: file).readConfig(among: known, \.name, file: file) {
            root, known, report in
            known.network.model(config: root, of: known.name, into: &report)
        }
    }

    /// As `config.json`.
    ///
    /// - Parameter diffusersVersion: the version of diffusers whose format it follows.
    public func config(diffusersVersion: String) -> JSONNode { network.config(diffusersVersion: diffusersVersion) }
}

extension DenoiserConfiguration {
    fileprivate static var alternative: Alternative<ModelConfiguration> {
        Alternative(architecture, { (network: Self) in ModelConfiguration(network) }, { $0.network as? Self })
    }

    fileprivate static func model(
        config root: JSONNode, of className: String, into report: inout Report
    ) -> ModelConfiguration? {
        read(config: root, of: className, into: &report).map { ModelConfiguration($0) }
    }
}
