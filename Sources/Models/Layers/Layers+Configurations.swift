internal import Configurations
internal import NeuralNet
internal import TensorCore

// What the configurations say of layers that several networks share. The layers themselves know no configuration.

extension Activation {
    init(_ c: UNet2DConfiguration.Activation) {
        self =
            switch c {
            case .silu: .silu
            case .gelu: .gelu
            case .relu: .relu
            }
    }
}

extension Activation {
    init(_ c: CLIPTextConfiguration.Activation) {
        self =
            switch c {
            case .quickGELU: .quickGELU
            case .gelu: .gelu
            }
    }
}

extension FeedForward.Activation {
    init(_ c: DiTConfiguration.Activation) {
        self =
            switch c {
            case .gelu: .plain(.gelu)
            case .geluApproximate: .plain(.geluTanh)
            case .quickGELU: .plain(.quickGELU)
            case .silu: .plain(.silu)
            case .geglu: .gated(.gelu)
            case .swiglu: .gated(.silu)
            }
    }
}

extension ResnetOptions {
    init(_ c: UNet2DConfiguration, outputScale: Double = 1) {
        self.init(
            timeEmbeddingWidth: c.timeEmbeddingWidth, groups: c.normNumGroups, epsilon: Float(c.normEps),
            activation: Activation(c.actFn), timeEmbedding: TimeEmbedding(c.resnetTimeScaleShift),
            dropout: Float(c.dropout), outputScale: Float(outputScale))
    }

    init(_ c: UNet2DConditionConfiguration, outputScale: Double = 1) {
        self.init(
            timeEmbeddingWidth: c.timeEmbeddingWidth, groups: c.normNumGroups, epsilon: Float(c.normEps),
            activation: Activation(c.actFn), timeEmbedding: TimeEmbedding(c.resnetTimeScaleShift),
            dropout: Float(c.dropout), outputScale: Float(outputScale))
    }

    /// Those of an autoencoder: no timestep.
    init(_ c: AutoencoderKLConfiguration) {
        self.init(
            timeEmbeddingWidth: nil, groups: c.normNumGroups, epsilon: autoencoderEpsilon,
            activation: Activation(c.actFn), timeEmbedding: .added, dropout: 0)
    }
}

extension ResnetOptions.TimeEmbedding {
    init(_ c: UNet2DConfiguration.TimeScaleShift) {
        self =
            switch c {
            case .add: .added
            case .scaleShift: .scaleShift
            }
    }
}

extension ImageTransformer {
    /// The transformer of a level.
    convenience init(
        _ c: UNet2DConditionConfiguration, level: Int, attendsToTextOnly: Bool = false, on device: Device
    ) {
        let (channels, heads) = (c.blockOutChannels[level], c.attentionHeadDim[level])
        self.init(
            heads: AttentionHeads(heads, size: channels / heads), layers: c.transformerLayersPerBlock[level],
            groups: c.normNumGroups, hasLinearProjections: c.useLinearProjection, textWidth: c.crossAttentionDim[level],
            attendsToTextOnly: attendsToTextOnly, on: device)
    }
}

extension TokenAttention {
    convenience init(_ c: DiTConfiguration, on device: Device) {
        self.init(
            c.width, heads: AttentionHeads(c.numAttentionHeads, size: c.attentionHeadDim), bias: c.attentionBias,
            weights: Initializer.xavier, dropout: Float(c.dropout), on: device)
    }
}

extension PatchEmbedding {
    convenience init(_ c: DiTConfiguration, on device: Device) {
        let positions: Positions =
            switch c.posEmbedType {
            case .sincos: .sincos
            case .learned: .learned
            }
        self.init(
            c.inChannels, c.width, patchSize: c.patchSize, side: c.sampleSize / c.patchSize, positions: positions,
            on: device)
    }
}
