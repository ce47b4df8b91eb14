internal import NeuralNet
internal import TensorCore

/// The deepest level of a U-Net: ResNet block, attention, ResNet block.
final class MidBlock: Module {
    private let resnets: [ResnetBlock2D]
    private let attention: (any LevelAttention)?

    init(_ first: ResnetBlock2D, _ attention: (any LevelAttention)?, _ second: ResnetBlock2D) {
        resnets = [first, second]
        self.attention = attention
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("attentions.0", attention)
        visitor("resnets", resnets)
    }

    func callAsFunction(
        _ x: Tensor, _ embedding: Tensor, text: Condition.Text? = nil, dropout: DropoutMasks?
    ) -> Tensor {
        func resnet(_ index: Int, _ x: Tensor) -> Tensor {  // (N, H, W, C)
            .recomputable([x, embedding], dropout: dropout) { [resnets] in
                resnets[index]($0[0], $0[1], dropout: dropout)
            }
        }
        let h = resnet(0, x)  // (N, H, W, C)
        return resnet(1, attention?(h, to: text) ?? h)  // (N, H, W, C)
    }
}
