internal import TensorCore

/// Low-rank pairs beside some layers of a network, as a module of its own: what learns them trains nothing else, and the
/// network's parameters keep their names.
public final class LowRankAdapter: Module {
    public struct Layer {
        /// The layer's name in its network.
        public let name: String
        public let pair: LowRankPair
    }

    public let rank: Int
    public let alpha: Double
    /// In the order of the network's parameters.
    public let layers: [Layer]

    /// Puts a pair beside the weight of each selected layer. It computes what it did until the pair learns.
    ///
    /// - Parameters:
    ///   - selection: of linear layers and convolutions, by their names.
    ///   - rank: at least 1.
    ///   - alpha: pairs are scaled by alpha / rank.
    public init(of network: some Module, at selection: ParameterSelection, rank: Int, alpha: Double) {
        precondition(rank > 0, "a pair has at least rank 1")
        (self.rank, self.alpha) = (rank, alpha)
        let ending = ".weight"
        layers = network.parameters.compactMap { name, weight in
            let module = String(name.dropLast(ending.count))
            guard name.hasSuffix(ending), selection.contains(module), [2, 4].contains(weight.shape.rank) else {
                return nil
            }
            let pair = LowRankPair(beside: weight, rank: rank, alpha: alpha)
            weight.lowRank = pair
            return Layer(name: module, pair: pair)
        }
    }

    public func visit(_ visitor: inout ParameterVisitor) {
        for layer in layers {
            visitor("\(layer.name).lora_A.weight", layer.pair.a)
            visitor("\(layer.name).lora_B.weight", layer.pair.b)
        }
    }
}
