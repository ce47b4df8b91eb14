public import StrictJSON

extension UNet2DConfiguration {
    public func validate(_ checks: inout Checks) {
        checkLevels(&checks)
        checkChannels(&checks)
        checkAttention(&checks)
        if timeEmbeddingType == .learned, numTrainTimesteps == nil {
            checks.fail(
                "num_train_timesteps", and: ["time_embedding_type"],
                "a learned time embedding needs num_train_timesteps",
                remedy: "Give the number of timesteps of the noise schedule.")
        }
        checks.checkResolution(sampleSize, divisor: downsampling, "sample_size", levels: "block_out_channels")
        if numClassEmbeds != nil, let classEmbedType {
            checks.fail(
                "num_class_embeds", and: ["class_embed_type"],
                "num_class_embeds has no meaning with class_embed_type \"\(classEmbedType.rawValue)\"",
                remedy: "Set one of them to null.")
        }
        if nullClass, numClassEmbeds ?? 0 < 2 {
            checks.fail(
                "null_class", and: ["num_class_embeds", "class_embed_type"],
                "null_class takes the last row of a class table, but "
                    + (numClassEmbeds.map { "num_class_embeds is \($0)" } ?? "there is no num_class_embeds"),
                remedy: "Set num_class_embeds to the number of classes plus 1, or null_class to false.")
        }
        checks.boundParameters(estimatedParameters, "block_out_channels", and: ["layers_per_block"])
    }

    private func checkLevels(_ checks: inout Checks) {
        for (key, count) in [("down_block_types", downBlockTypes.count), ("up_block_types", upBlockTypes.count)]
        where count != blockOutChannels.count {
            checks.fail(
                key, and: ["block_out_channels"],
                "\(key) has \(count) entries but block_out_channels has \(blockOutChannels.count)",
                remedy: "Give one block type for each level.")
        }
    }

    private func checkChannels(_ checks: inout Checks) {
        for (index, channels) in blockOutChannels.enumerated() where channels % normNumGroups != 0 {
            checks.fail(
                "block_out_channels", and: ["norm_num_groups"],
                "block_out_channels[\(index)] is \(channels), which norm_num_groups \(normNumGroups) does not divide",
                remedy:
                    "Use multiples of \(normNumGroups), or set norm_num_groups to \(blockOutChannels.greatestCommonDivisor) "
                    + "or a divisor of it.")
        }
        let frequencies = blockOutChannels[0] / 2
        if blockOutChannels[0] % 2 != 0 || frequencies <= freqShift {
            checks.fail(
                "block_out_channels", and: ["freq_shift"],
                "block_out_channels[0] is \(blockOutChannels[0]), which cannot hold pairs of sines and cosines",
                remedy: "Use an even number of at least \(2 * freqShift + 2).")
        }
    }

    private func checkAttention(_ checks: inout Checks) {
        var attending = Set(zip(downBlockTypes, blockOutChannels).filter { $0.0 == .attention }.map(\.1))
        attending.formUnion(zip(upBlockTypes, blockOutChannels.reversed()).filter { $0.0 == .attention }.map(\.1))
        let middle = blockOutChannels[blockOutChannels.count - 1]
        let middleAttends = midBlockType != nil && addAttention
        if middleAttends { attending.insert(middle) }
        if let head = attentionHeadDim {
            for channels in attending.sorted() where channels % head != 0 {
                checks.fail(
                    "attention_head_dim", and: ["block_out_channels", "down_block_types", "up_block_types"],
                    "attention_head_dim is \(head), which does not divide the \(channels) channels of a block with attention",
                    remedy: "Use a divisor of \(channels), or null for one head.")
            }
        }
        if let groups = attnNormNumGroups, middleAttends, middle % groups != 0 {
            checks.fail(
                "attn_norm_num_groups", and: ["block_out_channels"],
                "attn_norm_num_groups is \(groups), which does not divide the \(middle) channels of the middle block",
                remedy: "Use a divisor of \(middle), or null.")
        }
    }

    /// Weights of the 3x3 convolutions, which are most of it, to within a factor of two.
    private var estimatedParameters: Int {
        blockOutChannels.reduce(0) { $0 + 9 * $1 * $1 * (5 * layersPerBlock + 3) }
    }
}

extension Checks {
    /// Refuses an image size that the down-sampling does not divide, and images too large for one sample.
    mutating func checkResolution(_ size: ImageSize?, divisor: Int, _ key: String, levels: String) {
        guard let size, size.height % divisor != 0 || size.width % divisor != 0 else { return }
        func nearest(_ side: Int) -> Int { max(divisor, (side + divisor / 2) / divisor * divisor) }
        fail(
            key, and: [levels],
            "\(key) is \(size), which \(levels) halves until it is divided by \(divisor), and that leaves a remainder",
            remedy: "Use multiples of \(divisor), such as \(nearest(size.height)), or fewer levels.")
    }
}

extension [Int] {
    var greatestCommonDivisor: Int {
        reduce(0) { a, b in
            var (a, b) = (a, b)
            while b != 0 { (a, b) = (b, a % b) }
            return a
        }
    }
}
