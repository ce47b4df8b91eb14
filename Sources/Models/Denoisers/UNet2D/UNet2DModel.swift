public import Configurations
public import NeuralNet
public import TensorCore

/// The U-Net of DDPM (Ho et al. 2020) with the options of diffusers' `UNet2DModel`, parameter names included.
public final class UNet2DModel: Denoiser {
    private let configuration: UNet2DConfiguration
    private let timeFeatures: TimeFeatures
    private let timeEmbedding: TimestepMLP
    private let classEmbedding: ClassEmbedding?
    private let convIn: Convolution2D
    private let downBlocks: [DownBlock]
    private let midBlock: MidBlock?
    private let upBlocks: [UpBlock]
    private let normOut: GroupNorm
    private let convOut: Convolution2D

    /// What the network's first layer sees of a timestep.
    private enum TimeFeatures {
        case positional(SinusoidalEmbedding)
        case learned(Embedding)
        case fourier(FourierEmbedding)
    }

    private enum ClassEmbedding {
        case table(Embedding)
        case timestep(TimestepMLP)
        case identity
    }

    /// - Parameter c: checked; a configuration that contradicts itself is a programmer's error here.
    public init(_ c: UNet2DConfiguration, on device: Device) {
        configuration = c
        let channels = c.blockOutChannels
        timeFeatures =
            switch c.timeEmbeddingType {
            case .positional:
                .positional(
                    SinusoidalEmbedding(
                        channels[0], cosinesFirst: c.flipSinToCos, downscaleFrequencyShift: Float(c.freqShift)))
            case .learned: .learned(Embedding(c.numTrainTimesteps ?? 0, channels[0], on: device))
            case .fourier: .fourier(FourierEmbedding(2 * channels[0], deviation: 16, on: device))
            }
        let featureWidth = c.timeEmbeddingType == .fourier ? 2 * channels[0] : channels[0]
        timeEmbedding = TimestepMLP(featureWidth, c.timeEmbeddingWidth, on: device)
        classEmbedding =
            switch c.classConditioning {
            case .none: nil
            case .table(let count, let null):
                .table(Embedding(null == nil ? count : count + 1, c.timeEmbeddingWidth, on: device))
            case .timestep: .timestep(TimestepMLP(featureWidth, c.timeEmbeddingWidth, on: device))
            case .vector: .identity
            }
        convIn = Convolution2D(c.inChannels, channels[0], kernel: 3, padding: 1, isHidden: false, on: device)
        downBlocks = Self.downBlocks(c, on: device)
        midBlock = c.midBlockType.map { _ in Self.midBlock(c, on: device) }
        upBlocks = Self.upBlocks(c, on: device)
        normOut = GroupNorm(groups: c.normNumGroups, channels: channels[0], epsilon: Float(c.normEps), on: device)
        convOut = Convolution2D(channels[0], c.outChannels, kernel: 3, padding: 1, isHidden: false, on: device)
    }

    public func visit(_ visitor: inout ParameterVisitor) {
        visitor("conv_in", convIn)
        switch timeFeatures {
        case .positional: break
        case .learned(let table): visitor("time_proj", table)
        case .fourier(let features): visitor("time_proj", features)
        }
        visitor("time_embedding", timeEmbedding)
        switch classEmbedding {
        case .table(let table): visitor("class_embedding", table)
        case .timestep(let mlp): visitor("class_embedding", mlp)
        case .identity, nil: break
        }
        visitor("down_blocks", downBlocks)
        visitor("up_blocks", upBlocks)
        visitor("mid_block", midBlock)
        visitor("conv_norm_out", normOut)
        visitor("conv_out", convOut)
    }

    public func callAsFunction(
        _ x: Tensor, timesteps: [Float], condition: Condition, dropout: DropoutMasks?
    ) -> Tensor {
        let embedding = embed(timesteps, condition.classes, on: x.device)  // (N, E)
        let x = condition.joined(to: x)  // (N, H, W, C)
        var h = convIn(configuration.centerInputSample ? x.scaled(by: 2, offset: -1) : x)  // (N, H, W, C0)
        var skips = [h]
        for block in downBlocks { h = block(h, embedding, dropout: dropout, skips: &skips) }  // (N, H / 2^i, ..., Ci)
        h = midBlock?(h, embedding, dropout: dropout) ?? h
        for block in upBlocks { h = block(h, embedding, dropout: dropout, skips: &skips) }  // (N, H, W, C0)
        let output = convOut(normOut(h, then: .silu))  // (N, H, W, out)
        guard case .fourier = timeFeatures else { return output }
        return output / Tensor(timesteps, shape: [timesteps.count, 1, 1, 1], on: x.device)
    }

    private func embed(_ timesteps: [Float], _ classes: Condition.Classes?, on device: Device) -> Tensor {
        let time = timeEmbedding(features(timesteps, on: device))  // (N, E)
        switch (classEmbedding, classes) {
        case (.table(let table), .numbers(let labels)): return time + table(labels)
        case (.timestep(let mlp), .numbers(let labels)):
            return time + mlp(features(labels.map(Float.init), on: device))
        case (.identity, .vectors(let vectors)): return time + vectors
        case (nil, nil): return time
        default: preconditionFailure("class labels do not fit the model's class embedding")
        }
    }
}

extension UNet2DModel {
    /// (N, C0), or twice as wide with Fourier features.
    private func features(_ timesteps: [Float], on device: Device) -> Tensor {
        switch timeFeatures {
        case .positional(let embedding): embedding(timesteps, on: device)
        case .learned(let table): table(timesteps.map { Int($0) })
        case .fourier(let embedding): embedding(timesteps)
        }
    }
}

extension UNet2DConfiguration: DenoiserBuilder {
    public func makeDenoiser(numTrainTimesteps: Int, on device: Device) -> any Denoiser {
        UNet2DModel(self, on: device)
    }
}
