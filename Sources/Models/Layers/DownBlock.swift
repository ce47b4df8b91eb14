internal import NeuralNet
internal import TensorCore

/// One level of a U-Net on the way down: ResNet blocks, each followed by attention where the level has it, then half
/// the resolution.
final class DownBlock: Module {
    private let resnets: [ResnetBlock2D]
    private let attentions: [any LevelAttention]
    private let downsample: Resampler?

    enum Resampler {
        case convolution(Downsample2D)
        case resnet(ResnetBlock2D)
    }

    init(resnets: [ResnetBlock2D], attentions: [any LevelAttention], downsample: Resampler?) {
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
    func callAsFunction(
        _ x: Tensor, _ embedding: Tensor, text: Condition.Text? = nil, dropout: DropoutMasks?, skips: inout [Tensor]
    ) -> Tensor {
        var h = x  // (N, H, W, C)
        for (index, resnet) in resnets.enumerated() {
            h = .recomputable([h, embedding], dropout: dropout) {
                resnet($0[0], $0[1], dropout: dropout)  // (N, H, W, C')
            }
            if !attentions.isEmpty { h = attentions[index](h, to: text) }  // (N, H, W, C')
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
