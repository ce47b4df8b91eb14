internal import Configurations
internal import NeuralNet
internal import TensorCore

extension ResnetBlock2D {
    /// The block without a timestep, as a part that a tape may compute again.
    fileprivate func recomputable(_ x: Tensor) -> Tensor {
        .recomputable([x]) { self($0[0], nil, dropout: nil) }
    }
}

/// Added to the variance in every norm of an autoencoder.
let autoencoderEpsilon: Float = 1e-6

/// One level of an encoder: ResNet blocks, then half the resolution except in the last.
final class EncoderLevel: Module {
    private let resnets: [ResnetBlock2D]
    private let downsample: Downsample2D?

    init(_ inputs: Int, _ outputs: Int, _ c: AutoencoderKLConfiguration, isLast: Bool, on device: Device) {
        resnets = (0..<c.layersPerBlock).map {
            ResnetBlock2D($0 == 0 ? inputs : outputs, outputs, ResnetOptions(c), on: device)
        }
        // Padded at the bottom and right only.
        downsample = isLast ? nil : Downsample2D(outputs, padding: 0, on: device)
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("resnets", resnets)
        visitor("downsamplers.0", downsample)
    }

    /// - Parameter x: (N, H, W, C). At these sizes it counts that it is let go of behind the first block.
    func callAsFunction(_ x: consuming Tensor) -> Tensor {
        for resnet in resnets { x = resnet.recomputable(x) }  // (N, H, W, C')
        guard let downsample else { return x }
        return downsample(x)  // (N, H / 2, W / 2, C')
    }

    var steps: [LocalStep] { resnets.flatMap(\.steps) + [downsample?.step].compactMap(\.self) }
}

/// One level of a decoder: one ResNet block more, then twice the resolution except in the last.
final class DecoderLevel: Module {
    private let resnets: [ResnetBlock2D]
    private let upsample: Upsample2D?

    init(_ inputs: Int, _ outputs: Int, _ c: AutoencoderKLConfiguration, isLast: Bool, on device: Device) {
        resnets = (0...c.layersPerBlock).map {
            ResnetBlock2D($0 == 0 ? inputs : outputs, outputs, ResnetOptions(c), on: device)
        }
        upsample = isLast ? nil : Upsample2D(outputs, on: device)
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("resnets", resnets)
        visitor("upsamplers.0", upsample)
    }

    /// - Parameter x: (N, H, W, C). At these sizes it counts that it is let go of behind the first block.
    func callAsFunction(_ x: consuming Tensor) -> Tensor {
        for resnet in resnets { x = resnet.recomputable(x) }  // (N, H, W, C')
        guard let upsample else { return x }
        return upsample(x)  // (N, 2 H, 2 W, C')
    }

    var steps: [LocalStep] { resnets.flatMap(\.steps) + [upsample?.step].compactMap(\.self) }
}

/// The lowest resolution: ResNet block, attention with one head, ResNet block.
final class AutoencoderMiddle: Module {
    private let resnets: [ResnetBlock2D]
    private let attention: AttentionBlock?

    init(_ c: AutoencoderKLConfiguration, on device: Device) {
        let channels = c.blockOutChannels[c.blockOutChannels.count - 1]
        resnets = (0..<2).map { _ in ResnetBlock2D(channels, channels, ResnetOptions(c), on: device) }
        attention =
            c.midBlockAddAttention
            ? AttentionBlock(
                channels, headSize: channels, groups: c.normNumGroups, epsilon: autoencoderEpsilon, on: device) : nil
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("attentions.0", attention)
        visitor("resnets", resnets)
    }

    func callAsFunction(_ x: Tensor) -> Tensor {  // x (N, H, W, C)
        let h = resnets[0].recomputable(x)
        let mixed = attention.map { attention in .recomputable([h]) { attention($0[0]) } } ?? h
        return resnets[1].recomputable(mixed)  // (N, H, W, C)
    }
}

/// From pictures to mean and log-variance of latents.
final class Encoder: Module {
    private let convIn: Convolution2D
    private let levels: [EncoderLevel]
    private let middle: AutoencoderMiddle
    private let normOut: GroupNorm
    private let convOut: Convolution2D

    init(_ c: AutoencoderKLConfiguration, on device: Device) {
        let channels = c.blockOutChannels
        let last = channels.count - 1
        convIn = Convolution2D(c.inChannels, channels[0], kernel: 3, padding: 1, isHidden: false, on: device)
        levels = channels.indices.map {
            EncoderLevel(channels[max(0, $0 - 1)], channels[$0], c, isLast: $0 == last, on: device)
        }
        middle = AutoencoderMiddle(c, on: device)
        normOut = GroupNorm(
            groups: c.normNumGroups, channels: channels[last], epsilon: autoencoderEpsilon, on: device)
        convOut = Convolution2D(
            channels[last], 2 * c.latentChannels, kernel: 3, padding: 1, isHidden: false, on: device)
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("conv_in", convIn)
        visitor("down_blocks", levels)
        visitor("mid_block", middle)
        visitor("conv_norm_out", normOut)
        visitor("conv_out", convOut)
    }

    func callAsFunction(_ x: Tensor) -> Tensor {  // x (N, H, W, C)
        var h = convIn(x)
        for level in levels { h = level(consume h) }  // (N, H / 2^i, W / 2^i, Ci)
        return convOut(normOut(middle(h), then: .silu))  // (N, h, w, 2 latent)
    }

    /// The same, all that is not at the lowest resolution in tiles of so many pixels a side.
    func callAsFunction(_ x: Tensor, tiles side: Int, beforeTile check: () throws -> Void) throws -> Tensor {
        let first = LocalStep(channels: convIn.weight.shape[0]) { [convIn] in convIn($0) }
        let h = middle(try TiledNetwork(steps: [first] + levels.flatMap(\.steps), side: side)(x, beforeTile: check))
        return convOut(normOut(h, then: .silu))  // (N, h, w, 2 latent)
    }
}

/// From latents to pictures.
final class Decoder: Module {
    private let convIn: Convolution2D
    private let middle: AutoencoderMiddle
    private let levels: [DecoderLevel]
    private let normOut: GroupNorm
    private let convOut: Convolution2D

    init(_ c: AutoencoderKLConfiguration, on device: Device) {
        let channels = Array(c.blockOutChannels.reversed())
        let last = channels.count - 1
        convIn = Convolution2D(c.latentChannels, channels[0], kernel: 3, padding: 1, isHidden: false, on: device)
        middle = AutoencoderMiddle(c, on: device)
        levels = channels.indices.map {
            DecoderLevel(channels[max(0, $0 - 1)], channels[$0], c, isLast: $0 == last, on: device)
        }
        normOut = GroupNorm(
            groups: c.normNumGroups, channels: channels[last], epsilon: autoencoderEpsilon, on: device)
        convOut = Convolution2D(channels[last], c.outChannels, kernel: 3, padding: 1, isHidden: false, on: device)
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("conv_in", convIn)
        visitor("up_blocks", levels)
        visitor("mid_block", middle)
        visitor("conv_norm_out", normOut)
        visitor("conv_out", convOut)
    }

    func callAsFunction(_ z: Tensor) -> Tensor {  // z (N, h, w, latent)
        var h = middle(convIn(z))
        for level in levels { h = level(consume h) }  // (N, H, W, C0)
        return convOut(normOut(h, then: .silu))  // (N, H, W, C)
    }

    /// The same, all that is not at the lowest resolution in tiles of so many pixels a side.
    func callAsFunction(_ z: Tensor, tiles side: Int, beforeTile check: () throws -> Void) throws -> Tensor {
        let last = LocalStep(norm: normOut, channels: convOut.weight.shape[0]) { [normOut, convOut] h, statistics in
            let normalized = statistics.map { normOut(h.value, then: .silu, statistics: $0) }
            return LocalStep.State(value: convOut(normalized ?? normOut(h.value, then: .silu)))
        }
        let network = TiledNetwork(steps: levels.flatMap(\.steps) + [last], side: side)
        return try network(middle(convIn(z)), beforeTile: check)  // (N, H, W, C)
    }
}
