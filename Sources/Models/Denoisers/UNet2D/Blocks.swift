internal import NeuralNet
internal import TensorCore

/// One level on the way down: ResNet blocks, each followed by attention where the level has it, then half the resolution.
final class DownBlock: Module {
    private let resnets: [ResnetBlock2D]
    private let attentions: [AttentionBlock]
    private let downsample: Resampler?

    enum Resampler {
        case convolution(Downsample2D)
        case resnet(ResnetBlock2D)
    }

    init(resnets: [ResnetBlock2D], attentions: [AttentionBlock], downsample: Resampler?) {
        self.resnets = resnets
        self.attentions = attentions
        self.downsample = downsample
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("attentions", attentions)
        visitor("resnets", resnets)
        switch downsample {
        case .convolution(let block): visitor("downsamplers.0", block)
        case .resnet(let block): visitor("downsamplers.0", block)
        case nil: break
        }
    }

    /// Appends what the way up will need to `skips`.
    func callAsFunction(_ x: Tensor, _ embedding: Tensor, dropout: DropoutMasks?, skips: inout [Tensor]) -> Tensor {
        var h = x  // (N, H, W, C)
        for (index, resnet) in resnets.enumerated() {
            h = .recomputable([h, embedding], dropout: dropout) {
                resnet($0[0], $0[1], dropout: dropout)  // (N, H, W, C')
            }
            if !attentions.isEmpty { h = .recomputable([h]) { [attentions] in attentions[index]($0[0]) } }
            skips.append(h)
        }
        switch downsample {
        case .convolution(let block): h = block(h)  // (N, H / 2, W / 2, C')
        case .resnet(let block): h = block(h, embedding, dropout: dropout)
        case nil: return h
        }
        skips.append(h)
        return h
    }
}

/// The deepest level: ResNet block, attention, ResNet block.
final class MidBlock: Module {
    private let resnets: [ResnetBlock2D]
    private let attention: AttentionBlock?

    init(_ first: ResnetBlock2D, _ attention: AttentionBlock?, _ second: ResnetBlock2D) {
        resnets = [first, second]
        self.attention = attention
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("attentions.0", attention)
        visitor("resnets", resnets)
    }

    func callAsFunction(_ x: Tensor, _ embedding: Tensor, dropout: DropoutMasks?) -> Tensor {
        func resnet(_ index: Int, _ x: Tensor) -> Tensor {  // (N, H, W, C)
            .recomputable([x, embedding], dropout: dropout) { [resnets] in
                resnets[index]($0[0], $0[1], dropout: dropout)
            }
        }
        var h = resnet(0, x)
        if let attention { h = .recomputable([h]) { attention($0[0]) } }  // (N, H, W, C)
        return resnet(1, h)
    }
}

/// One level on the way up: each ResNet block takes in one skip; then twice the resolution.
final class UpBlock: Module {
    private let resnets: [ResnetBlock2D]
    private let attentions: [AttentionBlock]
    private let upsample: Resampler?

    enum Resampler {
        case convolution(Upsample2D)
        case resnet(ResnetBlock2D)
    }

    init(resnets: [ResnetBlock2D], attentions: [AttentionBlock], upsample: Resampler?) {
        self.resnets = resnets
        self.attentions = attentions
        self.upsample = upsample
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("attentions", attentions)
        visitor("resnets", resnets)
        switch upsample {
        case .convolution(let block): visitor("upsamplers.0", block)
        case .resnet(let block): visitor("upsamplers.0", block)
        case nil: break
        }
    }

    /// Takes one skip from the end of `skips` for each ResNet block.
    func callAsFunction(_ x: Tensor, _ embedding: Tensor, dropout: DropoutMasks?, skips: inout [Tensor]) -> Tensor {
        var h = x  // (N, H, W, C)
        for (index, resnet) in resnets.enumerated() {
            h = .recomputable([h, skips.removeLast(), embedding], dropout: dropout) {
                resnet(.concatenated([$0[0], $0[1]], axis: 3), $0[2], dropout: dropout)  // (N, H, W, C')
            }
            if !attentions.isEmpty { h = .recomputable([h]) { [attentions] in attentions[index]($0[0]) } }
        }
        return switch upsample {
        case .convolution(let block): .recomputable([h]) { block($0[0]) }  // (N, 2 H, 2 W, C')
        case .resnet(let block): block(h, embedding, dropout: dropout)
        case nil: h
        }
    }
}
