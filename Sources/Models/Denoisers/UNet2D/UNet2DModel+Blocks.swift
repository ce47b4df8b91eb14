internal import Configurations
internal import NeuralNet
internal import TensorCore

/// How the configuration lays out the levels.
extension UNet2DModel {
    private static func attentions(_ count: Int, _ channels: Int, _ c: UNet2DConfiguration, on device: Device)
        -> [AttentionBlock]
    {
        (0..<count).map { _ in
            AttentionBlock(
                channels, headSize: c.attentionHeadDim ?? channels, groups: c.normNumGroups, epsilon: Float(c.normEps),
                on: device)
        }
    }

    static func downBlocks(_ c: UNet2DConfiguration, on device: Device) -> [DownBlock] {
        let options = ResnetOptions(c)
        let channels = c.blockOutChannels
        return channels.indices.map { level in
            let input = level == 0 ? channels[0] : channels[level - 1]
            let output = channels[level]
            let hasAttention = c.downBlockTypes[level] == .attention
            let resnets = (0..<c.layersPerBlock).map {
                ResnetBlock2D($0 == 0 ? input : output, output, options, on: device)
            }
            var downsample: DownBlock.Resampler?
            if level < channels.count - 1 {
                downsample =
                    hasAttention && c.downsampleType == .resnet
                    ? .resnet(ResnetBlock2D(output, output, options, resampling: .down, on: device))
                    : .convolution(Downsample2D(output, padding: c.downsamplePadding, on: device))
            }
            return DownBlock(
                resnets: resnets,
                attentions: hasAttention ? attentions(c.layersPerBlock, output, c, on: device) : [],
                downsample: downsample)
        }
    }

    static func midBlock(_ c: UNet2DConfiguration, on device: Device) -> MidBlock {
        let channels = c.blockOutChannels[c.blockOutChannels.count - 1]
        let options = ResnetOptions(c, outputScale: c.midBlockScaleFactor)
        // With scale and shift, diffusers has no norm before this attention unless its groups are given.
        let groups = c.attnNormNumGroups ?? (c.resnetTimeScaleShift == .add ? c.normNumGroups : nil)
        let attention =
            c.addAttention
            ? AttentionBlock(
                channels, headSize: c.attentionHeadDim ?? channels, groups: groups, epsilon: Float(c.normEps),
                outputScale: Float(c.midBlockScaleFactor), on: device) : nil
        return MidBlock(
            ResnetBlock2D(channels, channels, options, on: device), attention,
            ResnetBlock2D(channels, channels, options, on: device))
    }

    static func upBlocks(_ c: UNet2DConfiguration, on device: Device) -> [UpBlock] {
        let options = ResnetOptions(c)
        let channels = Array(c.blockOutChannels.reversed())
        return channels.indices.map { level in
            let below = level == 0 ? channels[0] : channels[level - 1]
            let output = channels[level]
            // The last skip of a level comes from the level above it on the way down.
            let lastSkip = channels[min(level + 1, channels.count - 1)]
            let hasAttention = c.upBlockTypes[level] == .attention
            let resnets = (0...c.layersPerBlock).map { index in
                ResnetBlock2D(
                    (index == 0 ? below : output) + (index == c.layersPerBlock ? lastSkip : output), output, options,
                    on: device)
            }
            var upsample: UpBlock.Resampler?
            if level < channels.count - 1 {
                upsample =
                    hasAttention && c.upsampleType == .resnet
                    ? .resnet(ResnetBlock2D(output, output, options, resampling: .up, on: device))
                    : .convolution(Upsample2D(output, on: device))
            }
            return UpBlock(
                resnets: resnets,
                attentions: hasAttention ? attentions(c.layersPerBlock + 1, output, c, on: device) : [],
                upsample: upsample)
        }
    }
}
