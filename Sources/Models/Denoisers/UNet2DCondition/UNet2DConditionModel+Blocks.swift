internal import Configurations
internal import TensorCore

/// How the configuration lays out the levels.
extension UNet2DConditionModel {
    static func downBlocks(_ c: UNet2DConditionConfiguration, on device: Device) -> [DownBlock] {
        let options = ResnetOptions(c)
        let channels = c.blockOutChannels
        return channels.indices.map { level in
            let (input, output) = (channels[max(0, level - 1)], channels[level])
            let resnets = (0..<c.layersPerBlock[level]).map {
                ResnetBlock2D($0 == 0 ? input : output, output, options, on: device)
            }
            return DownBlock(
                resnets: resnets,
                attentions: c.attendsOnWayDown(level) ? transformers(resnets.count, level, c, on: device) : [],
                downsample: level == channels.count - 1
                    ? nil : .convolution(Downsample2D(output, padding: 1, on: device)))
        }
    }

    static func midBlock(_ c: UNet2DConditionConfiguration, on device: Device) -> MidBlock {
        let deepest = c.blockOutChannels.count - 1
        let options = ResnetOptions(c, outputScale: c.midBlockScaleFactor)
        func resnet() -> ResnetBlock2D {
            ResnetBlock2D(c.blockOutChannels[deepest], c.blockOutChannels[deepest], options, on: device)
        }
        return MidBlock(resnet(), ImageTransformer(c, level: deepest, on: device), resnet())
    }

    static func upBlocks(_ c: UNet2DConditionConfiguration, on device: Device) -> [UpBlock] {
        let options = ResnetOptions(c)
        let channels = c.blockOutChannels
        return channels.indices.reversed().map { level in
            let (below, output) = (channels[min(level + 1, channels.count - 1)], channels[level])
            // The last skip comes from the level above, which the way down has left with it.
            let lastSkip = channels[max(0, level - 1)]
            let layers = c.layersPerBlock[level]
            let resnets = (0...layers).map {
                ResnetBlock2D(
                    ($0 == 0 ? below : output) + ($0 == layers ? lastSkip : output), output, options, on: device)
            }
            return UpBlock(
                resnets: resnets,
                attentions: c.attendsOnWayUp(level) ? transformers(resnets.count, level, c, on: device) : [],
                upsample: level == 0 ? nil : .convolution(Upsample2D(output, on: device)))
        }
    }

    private static func transformers(
        _ count: Int, _ level: Int, _ c: UNet2DConditionConfiguration, on device: Device
    ) -> [ImageTransformer] {
        (0..<count).map { _ in
            ImageTransformer(c, level: level, attendsToTextOnly: c.onlyCrossAttention[level], on: device)
        }
    }
}
