/// SHA-256 of weights, each file read once however many networks it holds.
public final class WeightDigests {
    private var known: [[String]: String] = [:]

    public init() {}

    public func callAsFunction(_ weights: Weights) throws -> String {
        if let digest = known[weights.files] { return digest }
        let digest = try weights.digest()
        known[weights.files] = digest
        return digest
    }
}
