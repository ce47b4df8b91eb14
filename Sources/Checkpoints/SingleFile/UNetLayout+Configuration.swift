internal import Configurations
internal import Problems

/// What shapes and names tell of `UNet2DConditionModel`, and the family of the rest.
extension UNetLayout {
    /// - Parameter pooledWidth: of the text's vector, which is added to the time embedding.
    /// - Throws: `corrupt` where a tensor is missing that tells a size; `Problems` where the sizes are those of no
    ///   U-Net.
    func configuration(
        _ table: TensorTable, of family: ModelFamily, _ prediction: SchedulerConfiguration.PredictionType,
        pooledWidth: Int?
    ) throws -> UNet2DConditionConfiguration {
        func shape(_ name: String, axes: ClosedRange<Int>) throws(Problem) -> [Int] {
            try table.shape("\(Self.prefix)\(name).weight", axes: axes)
        }
        var c = UNet2DConditionConfiguration()
        let (first, last) = (try shape("input_blocks.0.0", axes: 4...4), try shape("out.2", axes: 4...4))
        (c.inChannels, c.outChannels) = (first[1], last[0])
        (c.convInKernel, c.convOutKernel) = (first[2], last[2])
        let channels = levels.map(\.channels)
        c.blockOutChannels = channels
        c.downBlockTypes = levels.map { $0.transformers > 0 ? .attention : .plain }
        c.upBlockTypes = levels.reversed().map { $0.transformers > 0 ? .attention : .plain }
        c.layersPerBlock = PerLevel(levels.map(\.resnets))
        c.normNumGroups = ModelFamily.groups(for: channels)
        c.attentionHeadDim = PerLevel(channels.map(family.heads(for:)))
        let embedding = try shape("time_embed.0", axes: 2...2)[0]
        c.timeEmbeddingDim = embedding == first[0] *| 4 ? nil : embedding
        c.sampleSize = ImageSize(family.sampleSize(prediction))

        let middle = "middle_block.1"
        c.transformerLayersPerBlock = transformers(table.count(of: "\(Self.prefix)\(middle).transformer_blocks"))
        c.useLinearProjection = try shape("\(middle).proj_in", axes: 2...4).count == 2
        c.crossAttentionDim = .all(try shape("\(middle).transformer_blocks.0.attn2.to_k", axes: 2...2)[1])
        c.onlyCrossAttention = PerLevel(
            try levels.indices.map { level in
                guard levels[level].transformers > 0 else { return false }
                let block = "input_blocks.\(firstInput(of: level)).1.transformer_blocks.0.attn1.to_k"
                // Keys of pixels are as wide as the level.
                return try shape(block, axes: 2...2)[1] != channels[level]
            })
        if let count = family.addedNumbers {
            let width = try shape("label_emb.0.0", axes: 2...2)[1]
            c.additionEmbedType = .textAndNumbers
            c.projectionClassEmbeddingsInputDim = width
            c.additionTimeEmbedDim = (width -| (pooledWidth ?? 0)) / count
        }
        if family == .upscaler { c.numClassEmbeds = try shape("label_emb", axes: 2...2)[0] }
        return try c.checked(file: table.path)
    }

    /// Transformer blocks by level; the key's last entry is the middle's too.
    private func transformers(_ middle: Int) -> PerLevel<Int> {
        let known = Set(levels.map(\.transformers).filter { $0 > 0 } + [middle])
        guard known.count > 1 else { return .all(middle) }
        return .each(levels.dropLast().map { max(1, $0.transformers) } + [middle])
    }
}

extension PerLevel {
    /// One value where it is the same for all levels.
    fileprivate init(_ values: [Value]) {
        self = values.first.flatMap { first in values.allSatisfy { $0 == first } ? .all(first) : nil } ?? .each(values)
    }
}
