internal import Problems
public import StrictJSON

/// A diffusion transformer over space-time patches: the DiT of Peebles & Xie 2023 for each frame, and attention over time (Ma et
/// al. 2024, "Latte"). A clip of one frame is a picture.
public struct VideoDiTConfiguration: DenoiserConfiguration {
    public static let architecture = "video_dit"
    public static let classNames = ["VideoDiT"]
    public static let component = "transformer"
    public static let classCountKey = DiTConfiguration.classCountKey
    public static let classCountHasNull = DiTConfiguration.classCountHasNull

    /// Which patches see each other.
    public enum Attention: String, Sendable, CaseIterable {
        /// Those of a frame in one block, those at one place in the next (Latte, variant 1).
        case factorized
        /// All patches of the clip.
        case full
    }

    /// Height and width of a frame in training.
    public var sampleSize = 32
    /// Frames of a clip in training.
    public var sampleFrames = 16
    /// The longest clip that it may be asked for.
    public var maxFrames = 256
    public var inChannels = 3
    public var patchSize = 4
    /// Frames of a patch.
    public var patchSizeT = 1
    public var numLayers = 6
    public var numAttentionHeads = 4
    public var attentionHeadDim = 32
    public var attention = Attention.factorized
    /// Whether feed-forward layers mix each token with those beside it.
    public var mixFFN = false
    public var activationFn = DiTConfiguration.Activation.geluApproximate
    /// Number of classes; the table has one more row, which stands for no class. Nil: no classes.
    public var numEmbedsAdaNorm: Int?
    public var dropout = 0.0
    public var frameNoise = FrameNoiseKind.context
    /// The timestep whose noise known frames have; 0: none at all.
    public var contextTimestep = 0

    public init() {}

    public static let fields: [Field<Self>] = [
        Field(
            "sample_size", \.sampleSize, .integer(in: 1...ImageSize.maximumSide),
            "Height and width of a frame in training."),
        Field("sample_frames", \.sampleFrames, .integer(in: 1...4096), "Frames of a clip in training."),
        Field("max_frames", \.maxFrames, .integer(in: 1...65536), "The longest clip that it may be asked for."),
        Field("in_channels", \.inChannels, .integer(in: 1...1024), "Channels of a frame."),
        Field("patch_size", \.patchSize, .integer(in: 1...256), "Height and width of a patch, which becomes a token."),
        Field("patch_size_t", \.patchSizeT, .integer(in: 1...64), "Frames of a patch."),
        Field("num_layers", \.numLayers, .integer(in: 1...256), "Transformer blocks over space."),
        Field("num_attention_heads", \.numAttentionHeads, .integer(in: 1...256), "Attention heads."),
        Field("attention_head_dim", \.attentionHeadDim, .integer(in: 1...1024), "Size of an attention head."),
        Field(
            "attention", \.attention, .choice(),
            "Which patches see each other: factorized, each block over space followed by one over time, or full."),
        Field(
            "mix_ffn", \.mixFFN, .boolean,
            "Whether feed-forward layers mix each patch with those beside it by a depthwise 3x3 convolution (SegFormer's Mix-FFN): models "
                + "of pixels then learn shapes and motion in far fewer steps."),
        Field("activation_fn", \.activationFn, .choice(), "Activation of the feed-forward layers."),
        Field(
            "num_embeds_ada_norm", \.numEmbedsAdaNorm, .optional(.integer(in: 1...1_000_000)),
            "Number of classes, beside which there is the null class; null: no classes."),
        Field("dropout", \.dropout, .number(in: 0..<1), "Probability of dropout in the blocks."),
        Field("frame_noise", \.frameNoise, .choice(), "Which noise levels the frames of a clip have in training."),
        Field(
            "context_timestep", \.contextTimestep, .integer(in: 0...100_000),
            "The timestep whose noise known frames have; 0: none."),
    ]

    /// The image model that works on each patch in time, with the frames of a patch as channels.
    public var spatial: DiTConfiguration {
        var c = DiTConfiguration()
        c.numAttentionHeads = numAttentionHeads
        c.attentionHeadDim = attentionHeadDim
        c.inChannels = inChannels * patchSizeT
        c.outChannels = inChannels * patchSizeT
        c.numLayers = numLayers
        c.dropout = dropout
        c.sampleSize = sampleSize
        c.patchSize = patchSize
        c.activationFn = activationFn
        c.numEmbedsAdaNorm = numEmbedsAdaNorm
        return c
    }

    public var classConditioning: ClassConditioning { spatial.classConditioning }

    /// Frames rounded up to whole patches.
    public func patches(frames: Int) -> Int { (frames + patchSizeT - 1) / patchSizeT }

    public func validate(_ checks: inout Checks) {
        spatial.validate(&checks)
        if sampleFrames % patchSizeT != 0 {
            checks.fail(
                "patch_size_t", and: ["sample_frames"],
                "patch_size_t is \(patchSizeT), which does not divide sample_frames \(sampleFrames)",
                remedy: "Use a divisor of \(sampleFrames), or another number of frames.")
        }
        if maxFrames < sampleFrames {
            checks.fail(
                "max_frames", and: ["sample_frames"],
                "max_frames is \(maxFrames), less than sample_frames \(sampleFrames)",
                remedy: "Raise it.")
        }
        if contextTimestep != 0, frameNoise != .context {
            checks.fail(
                "context_timestep", and: ["frame_noise"],
                "context_timestep has no meaning with the frame_noise \"\(frameNoise.rawValue)\"", remedy: "Remove it.")
        }
        checks.boundParameters(
            cost(frames: 1).parameters, "num_layers", and: ["num_attention_heads", "attention_head_dim"])
    }
}

extension VideoDiTConfiguration {
    public var cost: NetworkCost? { cost(frames: sampleFrames) }

    public var patchSide: Int? { patchSize }

    public var sampleShape: SampleShape? {
        .video(frames: sampleFrames, ImageSize(sampleSize), channels: inChannels)
    }

    public var clips: ClipTraits? {
        ClipTraits(
            sampleFrames: sampleFrames, maxFrames: maxFrames, patchSizeT: patchSizeT, frameNoise: frameNoise,
            contextTimestep: contextTimestep, tokens: patches(frames: sampleFrames) * spatial.tokens)
    }

    public func trainingMisfits(with scheduler: SchedulerConfiguration, dropsConditions: Bool) -> [Misfit] {
        guard contextTimestep >= scheduler.numTrainTimesteps else { return [] }
        return [
            Misfit(
                "model.context_timestep", and: ["diffusion.num_train_timesteps"],
                "model.context_timestep is \(contextTimestep), but the schedule has \(scheduler.numTrainTimesteps) timesteps",
                remedy: "Use a small one, such as 0.")
        ]
    }

    public mutating func complete(for training: TrainingTraits, from node: JSONNode) {
        if !node.gives("sample_frames"), let frames = training.frames { sampleFrames = frames }
        if !node.gives("sample_size"), let side = training.side { sampleSize = side }
    }

    /// What a clip of that many frames of the training's size costs.
    public func cost(frames: Int) -> NetworkCost {
        let image = spatial
        var deeper = image
        deeper.numLayers += 1
        let block = NetworkCost(
            parameters: deeper.costPerSample.parameters - image.costPerSample.parameters,
            multiplyAdds: deeper.costPerSample.multiplyAdds - image.costPerSample.multiplyAdds)
        let (layers, steps, perFrame) = (Double(numLayers), Double(patches(frames: frames)), Double(image.tokens))
        /// The products of the two attention matrices, each token with so many others.
        func attention(to others: Double) -> Double { 2 * steps * perFrame * others * Double(image.width) }
        var cost = NetworkCost(
            parameters: image.costPerSample.parameters, multiplyAdds: steps * image.costPerSample.multiplyAdds)
        switch self.attention {
        case .factorized:
            cost.parameters += numLayers * block.parameters
            cost.multiplyAdds +=
                layers * (steps * block.multiplyAdds - attention(to: perFrame) + attention(to: steps))
        case .full:
            cost.multiplyAdds += layers * (attention(to: steps * perFrame) - attention(to: perFrame))
        }
        if mixFFN {
            // A kernel of nine numbers, and a bias, for each of the 4 D channels.
            let blocks = self.attention == .factorized ? 2 * numLayers : numLayers
            cost.parameters += blocks * 10 * 4 * image.width
            cost.multiplyAdds += Double(blocks) * steps * perFrame * Double(9 * 4 * image.width)
        }
        return cost
    }
}
