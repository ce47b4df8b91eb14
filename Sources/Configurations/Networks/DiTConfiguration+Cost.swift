extension DiTConfiguration {
    /// The size of the timestep's features.
    public static let timestepFeatures = 256

    /// Tokens of a sample of `sampleSize`.
    public var tokens: Int { (sampleSize / patchSize) * (sampleSize / patchSize) }

    /// Blocks of adaLN-Zero have an embedder of timestep and class each, as in diffusers; others share one.
    public var embedders: Int { normType == .adaNormZero ? numLayers : 1 }

    public var cost: NetworkCost? { costPerSample }

    var costPerSample: NetworkCost { NetworkCost(parameters: parameters, multiplyAdds: multiplyAdds) }

    /// Parameters of one embedder. The paper's blocks share one, so it counts one.
    public var embedderParameters: Int {
        let rows = numEmbedsAdaNorm.map { $0 + 1 } ?? 0
        return Self.linear(Self.timestepFeatures, width) + Self.linear(width, width) + rows * width
    }

    private static func linear(_ inputs: Int, _ outputs: Int, bias: Bool = true) -> Int {
        inputs * outputs + (bias ? outputs : 0)
    }

    /// The numbers of one vector per pixel of a patch.
    private var patchArea: Int { patchSize * patchSize }
    /// Twice the inner width where one half gates the other.
    private var feedForwardInputs: Int { activationFn.isGated ? 8 * width : 4 * width }
    /// Timestep and class, as tokens.
    private var conditionTokens: Int { numEmbedsAdaNorm == nil ? 1 : 2 }

    private var parameters: Int {
        let d = width
        let norm = 2 * d
        let attention = 3 * Self.linear(d, d, bias: attentionBias) + Self.linear(d, d)
        let feedForward = Self.linear(d, feedForwardInputs) + Self.linear(4 * d, d)
        // How a block and the last norm are told timestep and class, and the norms that have weights.
        let (conditioning, lastNorm) =
            switch normType {
            case .adaNormZero: (Self.linear(d, 6 * d) + (normElementwiseAffine ? norm : 0), Self.linear(d, 2 * d))
            case .adaNorm: (Self.linear(d, 4 * d), Self.linear(d, 2 * d))
            case .crossAttention: (attention + 3 * norm, norm)
            case .inContext: (2 * norm, norm)
            }
        let patches = Self.linear(patchArea * inChannels, d) + (posEmbedType == .learned ? tokens * d : 0)
        return patches + embedders * embedderParameters + numLayers * (attention + feedForward + conditioning)
            + lastNorm + Self.linear(d, patchArea * outputChannels)
    }

    private var multiplyAdds: Double {
        // As floating-point numbers: those of absurd configurations exceed an integer.
        let (d, l, conditions) = (Double(width), Double(tokens), Double(conditionTokens))
        let length = normType == .inContext ? l + conditions : l
        let attention = length * 4 * d * d + 2 * length * length * d
        let feedForward = length * (d * Double(feedForwardInputs) + 4 * d * d)
        let (conditioning, lastNorm) =
            switch normType {
            case .adaNormZero: (6 * d * d, 2 * d * d)
            case .adaNorm: (4 * d * d, 2 * d * d)
            case .crossAttention: (2 * (l + conditions) * d * d + 2 * l * conditions * d, 0.0)
            case .inContext: (0.0, 0.0)
            }
        let patches = l * Double(patchArea * (inChannels + outputChannels)) * d
        let embedding = Double(embedders) * (Double(Self.timestepFeatures) * d + d * d)
        return patches + embedding + Double(numLayers) * (attention + feedForward + conditioning) + lastNorm
    }
}
