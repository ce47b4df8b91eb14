public import Configurations
public import NeuralNet
public import TensorCore

/// The U-Net of "The Annotated Diffusion Model" (Rogge & Rasul 2022, after P. Wang), with the published parameter names.
///
/// Each level: two blocks, linear attention, then half the resolution (4x4 convolution of stride 2). Full attention in the
/// middle. There is one level fewer on the way up, so the first level's skip is never read, as published.
public final class AnnotatedUNet: Denoiser {
    private let stem: Convolution2D
    private let timeFeatures: SinusoidalEmbedding
    private let time1: Linear
    private let time2: Linear
    private let downs: [DownLevel]
    private let midBlock1: any AnnotatedBlock
    private let midAttention: AnnotatedAttention
    private let midBlock2: any AnnotatedBlock
    private let ups: [UpLevel]
    private let finalBlock: any AnnotatedBlock
    private let finalConv: Convolution2D

    private struct DownLevel {
        let block1: any AnnotatedBlock
        let block2: any AnnotatedBlock
        let attention: AnnotatedAttention
        let downsample: Convolution2D?
    }

    private struct UpLevel {
        let block1: any AnnotatedBlock
        let block2: any AnnotatedBlock
        let attention: AnnotatedAttention
        let upsample: TransposedConvolution2D
    }

    /// - Parameter c: checked; a configuration that contradicts itself is a programmer's error here.
    public init(_ c: AnnotatedUNetConfiguration, on device: Device) {
        let timeWidth = 4 * c.dim
        func block(_ inputs: Int, _ outputs: Int, timeWidth: Int?) -> any AnnotatedBlock {
            switch c.blockType {
            case .resnet:
                AnnotatedResnetBlock(inputs, outputs, timeWidth: timeWidth, groups: c.groups, on: device)
            case .convnext:
                ConvNextBlock(inputs, outputs, timeWidth: timeWidth, widening: c.convnextMult, on: device)
            }
        }
        func attention(_ kind: AnnotatedAttention.Kind, _ channels: Int) -> AnnotatedAttention {
            AnnotatedAttention(kind, channels, heads: AttentionHeads(c.heads, size: c.dimHead), on: device)
        }

        stem = Convolution2D(c.channels, c.stemChannels, kernel: 7, padding: 3, isHidden: false, on: device)
        timeFeatures = SinusoidalEmbedding(c.dim)
        time1 = Linear(c.dim, timeWidth, isHidden: false, on: device)
        time2 = Linear(timeWidth, timeWidth, isHidden: false, on: device)

        let channels = [c.stemChannels] + c.dimMults.map { c.dim * $0 }
        let levels = Array(zip(channels, channels.dropFirst()))
        downs = levels.enumerated().map { index, level in
            DownLevel(
                block1: block(level.0, level.1, timeWidth: timeWidth),
                block2: block(level.1, level.1, timeWidth: timeWidth), attention: attention(.linear, level.1),
                downsample: index == levels.count - 1
                    ? nil : Convolution2D(level.1, level.1, kernel: 4, stride: 2, padding: 1, on: device))
        }
        let deepest = channels[channels.count - 1]
        midBlock1 = block(deepest, deepest, timeWidth: timeWidth)
        midAttention = attention(.full, deepest)
        midBlock2 = block(deepest, deepest, timeWidth: timeWidth)
        ups = levels.dropFirst().reversed().map { level in
            UpLevel(
                block1: block(2 * level.1, level.0, timeWidth: timeWidth),
                block2: block(level.0, level.0, timeWidth: timeWidth), attention: attention(.linear, level.0),
                upsample: TransposedConvolution2D(level.0, level.0, kernel: 4, stride: 2, padding: 1, on: device))
        }
        finalBlock = block(channels[1], c.dim, timeWidth: nil)
        finalConv = Convolution2D(c.dim, c.channels, kernel: 1, isHidden: false, on: device)
    }

    public func visit(_ visitor: inout ParameterVisitor) {
        visitor("init_conv", stem)
        visitor("time_mlp.1", time1)
        visitor("time_mlp.3", time2)
        for (index, level) in downs.enumerated() {
            visitor("downs.\(index).0", level.block1)
            visitor("downs.\(index).1", level.block2)
            visitor("downs.\(index).2", level.attention)
            visitor("downs.\(index).3", level.downsample)
        }
        for (index, level) in ups.enumerated() {
            visitor("ups.\(index).0", level.block1)
            visitor("ups.\(index).1", level.block2)
            visitor("ups.\(index).2", level.attention)
            visitor("ups.\(index).3", level.upsample)
        }
        visitor("mid_block1", midBlock1)
        visitor("mid_attn", midAttention)
        visitor("mid_block2", midBlock2)
        visitor("final_conv.0", finalBlock)
        visitor("final_conv.1", finalConv)
    }

    public func callAsFunction(
        _ x: Tensor, timesteps: [Float], condition: Condition, dropout: DropoutMasks?
    ) -> Tensor {
        let time = time2(time1(timeFeatures(timesteps, on: x.device), then: .gelu))  // (N, 4 dim)
        var h = stem(x)  // (N, H, W, stem)
        var skips: [Tensor] = []
        for level in downs {
            h = blocks(level.block1, level.block2, level.attention, h, time)  // (N, H, W, dim mult)
            skips.append(h)
            h = level.downsample?(h) ?? h  // (N, H / 2, W / 2, dim mult)
        }
        h = .recomputable([h, time]) { [midBlock1] in midBlock1($0[0], time: $0[1]) }
        h = .recomputable([h]) { [midAttention] in midAttention($0[0]) }
        h = .recomputable([h, time]) { [midBlock2] in midBlock2($0[0], time: $0[1]) }
        for level in ups {
            h = .concatenated([h, skips.removeLast()], axis: 3)
            h = blocks(level.block1, level.block2, level.attention, h, time)
            h = level.upsample(h)  // (N, 2 H, 2 W, ...)
        }
        return finalConv(finalBlock(h, time: nil))  // (N, H, W, C)
    }

    /// Two blocks and attention, as each level has them.
    private func blocks(
        _ block1: any AnnotatedBlock, _ block2: any AnnotatedBlock, _ attention: AnnotatedAttention, _ x: Tensor,
        _ time: Tensor
    ) -> Tensor {
        var h = x  // (N, H, W, C)
        for block in [block1, block2] { h = .recomputable([h, time]) { block($0[0], time: $0[1]) } }
        return .recomputable([h]) { attention($0[0]) }  // (N, H, W, C')
    }
}

extension AnnotatedUNetConfiguration: DenoiserBuilder {
    public func makeDenoiser(numTrainTimesteps: Int, on device: Device) -> any Denoiser {
        AnnotatedUNet(self, on: device)
    }
}
