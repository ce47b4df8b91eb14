internal import Problems

extension UNet2DConditionConfiguration {
    /// Tokens of a text in `cost`: those of CLIP.
    public static let usualTokens = 77

    public var cost: NetworkCost? {
        sampleSize.map { size in
            let tally = tally(size)
            return NetworkCost(parameters: tally.parameters, multiplyAdds: tally.multiplyAdds)
        }
    }

    /// Trainable numbers.
    public var parameters: Int { tally(ImageSize(1)).parameters }

    /// What all layers cost together, in the order of a forward pass.
    private func tally(_ size: ImageSize) -> CostTally {
        var tally = CostTally()
        let channels = blockOutChannels
        let pixels = pixels(size)
        embeddings(&tally)
        tally.product(convInKernel * convInKernel * inChannels, channels[0], at: pixels[0])
        for level in channels.indices {
            let (above, own) = (channels[max(0, level - 1)], channels[level])
            for layer in 0..<layersPerBlock[level] {
                resnet(layer == 0 ? above : own, own, at: pixels[level], &tally)
                if attendsOnWayDown(level) { transformer(level, at: pixels[level], &tally) }
            }
            if level + 1 < channels.count { tally.product(9 * own, own, at: pixels[level + 1]) }
        }
        let deepest = channels.count - 1
        resnet(channels[deepest], channels[deepest], at: pixels[deepest], &tally)
        transformer(deepest, isMiddle: true, at: pixels[deepest], &tally)
        resnet(channels[deepest], channels[deepest], at: pixels[deepest], &tally)
        for level in channels.indices.reversed() {
            let (above, own, below) = (
                channels[max(0, level - 1)], channels[level], channels[min(level + 1, deepest)]
            )
            for layer in 0...layersPerBlock[level] {
                // Each takes in a skip, the last of which the level above has left.
                let skip = layer == layersPerBlock[level] ? above : own
                resnet((layer == 0 ? below : own) + skip, own, at: pixels[level], &tally)
                if attendsOnWayUp(level) { transformer(level, at: pixels[level], &tally) }
            }
            if level > 0 { tally.product(9 * own, own, at: pixels[level - 1]) }
        }
        tally.norm(channels[0])
        tally.product(convOutKernel * convOutKernel * channels[0], outChannels, at: pixels[0])
        return tally
    }

    /// How many pixels each level has.
    private func pixels(_ size: ImageSize) -> [Double] {
        blockOutChannels.indices.map { level in
            func side(_ whole: Int) -> Double { Double((whole + (1 << level) - 1) >> level) }
            return side(size.height) * side(size.width)
        }
    }

    private func embeddings(_ tally: inout CostTally) {
        let width = timeEmbeddingWidth
        for inputs in [blockOutChannels[0], additionEmbedType == nil ? nil : projectionClassEmbeddingsInputDim] {
            guard let inputs else { continue }
            tally.product(inputs, width, at: 1)
            tally.product(width, width, at: 1)
        }
        tally.table(numClassEmbeds ?? 0, width)
    }

    private func resnet(_ inputs: Int, _ outputs: Int, at pixels: Double, _ tally: inout CostTally) {
        tally.norm(inputs)
        tally.product(9 * inputs, outputs, at: pixels)
        tally.product(timeEmbeddingWidth, resnetTimeScaleShift == .add ? outputs : 2 * outputs, at: 1)
        tally.norm(outputs)
        tally.product(9 * outputs, outputs, at: pixels)
        if inputs != outputs { tally.product(inputs, outputs, at: pixels) }
    }

    private func transformer(_ level: Int, isMiddle: Bool = false, at pixels: Double, _ tally: inout CostTally) {
        let c = blockOutChannels[level]
        tally.norm(c)
        for _ in 0..<2 { tally.product(c, c, at: pixels) }
        for _ in 0..<transformerLayersPerBlock[level] {
            for isCrossed in [onlyCrossAttention[level] && !isMiddle, true] {
                tally.norm(c)
                let (width, tokens) = isCrossed ? (crossAttentionDim[level], Double(Self.usualTokens)) : (c, pixels)
                tally.product(c, c, at: pixels, bias: false)
                for _ in 0..<2 { tally.product(width, c, at: tokens, bias: false) }
                tally.scores(pixels, tokens, width: c)
                tally.product(c, c, at: pixels)
            }
            tally.norm(c)
            tally.product(c, 8 * c, at: pixels)
            tally.product(4 * c, c, at: pixels)
        }
    }
}

/// Adds up what layers cost.
private struct CostTally {
    private(set) var parameters = 0
    /// As a floating-point number: those of absurd configurations exceed an integer.
    private(set) var multiplyAdds = 0.0

    /// Products with a matrix of so many inputs and outputs, one at each of so many places.
    mutating func product(_ inputs: Int, _ outputs: Int, at places: Double, bias: Bool = true) {
        parameters +|= inputs *| outputs +| (bias ? outputs : 0)
        multiplyAdds += Double(inputs) * Double(outputs) * places
    }

    /// Products of queries with keys, and of scores with values.
    mutating func scores(_ queries: Double, _ keys: Double, width: Int) {
        multiplyAdds += 2 * queries * keys * Double(width)
    }

    /// The scale and shift of a norm.
    mutating func norm(_ channels: Int) { parameters +|= 2 * channels }

    mutating func table(_ rows: Int, _ width: Int) { parameters +|= rows *| width }
}
