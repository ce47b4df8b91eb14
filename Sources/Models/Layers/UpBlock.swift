internal import NeuralNet
internal import TensorCore

/// One level of a U-Net on the way up: each ResNet block takes in one skip; then twice the resolution.
final class UpBlock: Module {
    private let resnets: [ResnetBlock2D]
    private let attentions: [any LevelAttention]
    private let upsample: Resampler?

    enum Resampler {
        case convolution(Upsample2D)
        case resnet(ResnetBlock2D)
    }

    init(resnets: [ResnetBlock2D], attentions: [any LevelAttention], upsample: Resampler?) {
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

    /// Takes one skip from the end of `skips` for each ResNet block. A convolution ends at the size of the next one,
    /// which an odd side has made one smaller than twice the resolution.
    func callAsFunction(
        _ x: Tensor, _ embedding: Tensor, text: Condition.Text? = nil, dropout: DropoutMasks?, skips: inout [Tensor]
    ) -> Tensor {
        var h = x  // (N, H, W, C)
        for (index, resnet) in resnets.enumerated() {
            h = .recomputable([h, skips.removeLast(), embedding], dropout: dropout) {
                resnet(.concatenated([$0[0], $0[1]], axis: 3), $0[2], dropout: dropout)  // (N, H, W, C')
            }
            if !attentions.isEmpty { h = attentions[index](h, to: text) }  // (N, H, W, C')
        }
        let size = skips.last.map { (height: $0.shape[1], width: $0.shape[2]) }
        return switch upsample {
        case .convolution(let block): .recomputable([h]) { block($0[0], to: size) }  // (N, 2 H, 2 W, C')
        case .resnet(let block): block(h, embedding, dropout: dropout)
        case nil: h
        }
    }
}
