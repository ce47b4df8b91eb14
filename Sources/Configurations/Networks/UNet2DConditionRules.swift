public import StrictJSON

extension UNet2DConditionConfiguration {
    public func validate(_ checks: inout Checks) {
        let areLevelsWhole = checkLevels(&checks)
        checkChannels(&checks)
        checkAttention(&checks)
        checkAddition(&checks)
        guard areLevelsWhole else { return }
        checks.boundParameters(
            parameters, "block_out_channels",
            and: ["layers_per_block", "transformer_layers_per_block", "cross_attention_dim"])
    }

    /// Whether every list has an entry for each level.
    private func checkLevels(_ checks: inout Checks) -> Bool {
        let levels = blockOutChannels.count
        let lists: [(key: String, count: Int?)] = [
            ("down_block_types", downBlockTypes.count), ("up_block_types", upBlockTypes.count),
            ("only_cross_attention", onlyCrossAttention.count), ("layers_per_block", layersPerBlock.count),
            ("cross_attention_dim", crossAttentionDim.count),
            ("transformer_layers_per_block", transformerLayersPerBlock.count),
            ("attention_head_dim", attentionHeadDim.count),
        ]
        let faulty = lists.filter { $0.count ?? levels != levels }
        for (key, count) in faulty {
            checks.fail(
                key, and: ["block_out_channels"],
                "\(key) has \(count ?? 0) entries but block_out_channels has \(levels)",
                remedy: "Give one for each level.")
        }
        return faulty.isEmpty
    }

    private func checkChannels(_ checks: inout Checks) {
        for (index, channels) in blockOutChannels.enumerated() where channels % normNumGroups != 0 {
            checks.fail(
                "block_out_channels", and: ["norm_num_groups"],
                "block_out_channels[\(index)] is \(channels), which norm_num_groups \(normNumGroups) does not divide",
                remedy:
                    "Use multiples of \(normNumGroups), or set norm_num_groups to "
                    + "\(blockOutChannels.greatestCommonDivisor) or a divisor of it.")
        }
        if !canHoldPairs(blockOutChannels[0]) {
            checks.fail(
                "block_out_channels", and: ["freq_shift"],
                "block_out_channels[0] is \(blockOutChannels[0]), which cannot hold pairs of sines and cosines",
                remedy: "Use an even number of at least \(2 * freqShift + 2).")
        }
        if joinedChannels < 0 {
            checks.fail(
                "in_channels", and: ["out_channels"],
                "in_channels is \(inChannels), less than the \(outChannels) channels that samples have",
                remedy: "Give at least \(outChannels): samples have out_channels, and what is joined to them the rest.")
        }
    }

    /// Whether an embedding of this width holds sines and cosines.
    private func canHoldPairs(_ width: Int) -> Bool { width % 2 == 0 && width / 2 > freqShift }

    private func checkAttention(_ checks: inout Checks) {
        let keys = ["block_out_channels", "down_block_types", "up_block_types"]
        for level in attendingLevels {
            let (channels, heads) = (blockOutChannels[level], attentionHeadDim[level])
            if channels % heads != 0 {
                checks.fail(
                    "attention_head_dim", and: keys,
                    "level \(level) has \(heads) heads, which do not divide its \(channels) channels",
                    remedy: "Use a divisor of \(channels).")
            }
            if let contextWidth, crossAttentionDim[level] != contextWidth {
                checks.fail(
                    "cross_attention_dim", and: keys,
                    "level \(level) attends to tokens of \(crossAttentionDim[level]) numbers, and the middle block to "
                        + "tokens of \(contextWidth), but there is one text",
                    remedy: "Give one number.")
            }
        }
    }

    /// The levels with transformers, the middle block's among them.
    private var attendingLevels: [Int] {
        blockOutChannels.indices.filter { level in
            level == blockOutChannels.count - 1 || attendsOnWayDown(level) || attendsOnWayUp(level)
        }
    }

    private func checkAddition(_ checks: inout Checks) {
        let keys: [(key: String, value: Int?)] = [
            ("addition_time_embed_dim", additionTimeEmbedDim),
            ("projection_class_embeddings_input_dim", projectionClassEmbeddingsInputDim),
        ]
        for (key, value) in keys where (value != nil) != (additionEmbedType != nil) {
            checks.fail(
                key, and: ["addition_embed_type"],
                value == nil
                    ? "with addition_embed_type \"text_time\", \(key) is needed"
                    : "\(key) has no meaning without an addition_embed_type",
                remedy: value == nil ? "Give the width." : "Set it to null, or addition_embed_type to \"text_time\".")
        }
        if let width = additionTimeEmbedDim, !canHoldPairs(width) {
            checks.fail(
                "addition_time_embed_dim", and: ["freq_shift"],
                "addition_time_embed_dim is \(width), which cannot hold pairs of sines and cosines",
                remedy: "Use an even number of at least \(2 * freqShift + 2).")
        } else if additionTimeEmbedDim != nil, projectionClassEmbeddingsInputDim != nil, additionEmbedType != nil,
            pooledTextWidth(besideNumbers: 1) == nil
        {
            checks.fail(
                "projection_class_embeddings_input_dim", and: ["addition_time_embed_dim"],
                "projection_class_embeddings_input_dim leaves no room for a text's vector beside added numbers",
                remedy: "Give the width of that vector plus addition_time_embed_dim for each number.")
        }
    }
}
