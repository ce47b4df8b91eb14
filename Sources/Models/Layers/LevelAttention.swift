internal import NeuralNet
internal import TensorCore

/// What follows each ResNet block of a U-Net's level: pixels attend to each other, or to a text too.
protocol LevelAttention: Module {
    /// - Parameters:
    ///   - x: (N, H, W, C).
    ///   - text: of each sample; nil in networks without text.
    /// - Returns: shaped like x, which is added in it.
    func callAsFunction(_ x: Tensor, to text: Condition.Text?) -> Tensor
}

extension AttentionBlock: LevelAttention {
    func callAsFunction(_ x: Tensor, to text: Condition.Text?) -> Tensor { .recomputable([x]) { self($0[0]) } }
}
