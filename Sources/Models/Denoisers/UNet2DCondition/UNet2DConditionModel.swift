public import Configurations
public import NeuralNet
public import TensorCore

/// The U-Net of latent diffusion (Rombach et al. 2022), whose pixels attend to a text, with the options of diffusers'
/// `UNet2DConditionModel`, parameter names included. Samples may have any size.
public final class UNet2DConditionModel: Denoiser {
    private let timeFeatures: SinusoidalEmbedding
    private let timeEmbedding: TimestepMLP
    private let classEmbedding: Embedding?
    private let addedEmbedding: AddedEmbedding?
    private let convIn: Convolution2D
    private let downBlocks: [DownBlock]
    private let midBlock: MidBlock
    private let upBlocks: [UpBlock]
    private let normOut: GroupNorm
    private let activation: Activation
    private let convOut: Convolution2D

    /// - Parameter c: checked; a configuration that contradicts itself is a programmer's error here.
    public init(_ c: UNet2DConditionConfiguration, on device: Device) {
        func sinusoids(_ width: Int) -> SinusoidalEmbedding {
            SinusoidalEmbedding(width, cosinesFirst: c.flipSinToCos, downscaleFrequencyShift: Float(c.freqShift))
        }
        let (first, width) = (c.blockOutChannels[0], c.timeEmbeddingWidth)
        activation = Activation(c.actFn)
        timeFeatures = sinusoids(first)
        timeEmbedding = TimestepMLP(first, width, activation, on: device)
        classEmbedding = c.numClassEmbeds.map { Embedding($0, width, on: device) }
        addedEmbedding = c.additionEmbedType.map { _ in
            AddedEmbedding(
                sinusoids(c.additionTimeEmbedDim ?? 0), inputs: c.projectionClassEmbeddingsInputDim ?? 0, width: width,
                on: device)
        }
        convIn = Convolution2D(
            c.inChannels, first, kernel: c.convInKernel, padding: c.convInKernel / 2, isHidden: false, on: device)
        downBlocks = Self.downBlocks(c, on: device)
        midBlock = Self.midBlock(c, on: device)
        upBlocks = Self.upBlocks(c, on: device)
        normOut = GroupNorm(groups: c.normNumGroups, channels: first, epsilon: Float(c.normEps), on: device)
        convOut = Convolution2D(
            first, c.outChannels, kernel: c.convOutKernel, padding: c.convOutKernel / 2, isHidden: false, on: device)
    }

    public func visit(_ visitor: inout ParameterVisitor) {
        visitor("conv_in", convIn)
        visitor("time_embedding", timeEmbedding)
        visitor("class_embedding", classEmbedding)
        visitor("add_embedding", addedEmbedding)
        visitor("down_blocks", downBlocks)
        visitor("up_blocks", upBlocks)
        visitor("mid_block", midBlock)
        visitor("conv_norm_out", normOut)
        visitor("conv_out", convOut)
    }

    public func callAsFunction(
        _ x: Tensor, timesteps: [Float], condition: Condition, dropout: DropoutMasks?
    ) -> Tensor {
        let embedding = embed(timesteps, condition, on: x.device)  // (N, E)
        var h = convIn(condition.joined(to: x))  // (N, H, W, C0)
        var skips = [h]
        for block in downBlocks {
            h = block(h, embedding, text: condition.text, dropout: dropout, skips: &skips)  // (N, H / 2^i, ..., Ci)
        }
        h = midBlock(h, embedding, text: condition.text, dropout: dropout)
        for block in upBlocks {
            h = block(h, embedding, text: condition.text, dropout: dropout, skips: &skips)  // (N, H, W, C0)
        }
        return convOut(normOut.activated(h, by: activation))  // (N, H, W, out)
    }

    /// All that a sample has one vector of (N, E).
    private func embed(_ timesteps: [Float], _ condition: Condition, on device: Device) -> Tensor {
        var embedding = timeEmbedding(timeFeatures(timesteps, on: device))  // (N, E)
        switch (classEmbedding, condition.classes) {
        case (let table?, .numbers(let classes)): embedding = embedding + table(classes)
        case (nil, nil): break
        default: preconditionFailure("classes do not fit the model's class embedding")
        }
        switch (addedEmbedding, condition.pooledText, condition.added) {
        case (let added?, let text?, let numbers?): embedding = embedding + added(text, numbers)
        case (nil, nil, nil): break
        default: preconditionFailure("a text's vector and added numbers do not fit the model")
        }
        return embedding
    }
}

extension UNet2DConditionConfiguration: DenoiserBuilder {
    public func makeDenoiser(numTrainTimesteps: Int, on device: Device) -> any Denoiser {
        UNet2DConditionModel(self, on: device)
    }

    public var conditionParts: Condition.Parts {
        var parts: Condition.Parts = .text
        if numClassEmbeds != nil { parts.insert(.classes) }
        if additionEmbedType != nil { parts.formUnion([.pooledText, .added]) }
        if joinedChannels > 0 { parts.insert(.channels) }
        return parts
    }
}
