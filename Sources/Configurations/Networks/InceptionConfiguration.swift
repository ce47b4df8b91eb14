public import StrictJSON

/// Inception v3 as the Frechet inception distance uses it (Heusel et al. 2017). There is one such network, so it has no
/// keys.
public struct InceptionConfiguration: NetworkConfiguration {
    public static let architecture = "inception_v3"
    public static let classNames = ["InceptionV3"]
    public static let component = "inception"
    public static let fields: [Field<Self>] = []

    public init() {}
}
