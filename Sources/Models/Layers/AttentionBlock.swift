package import NeuralNet
package import TensorCore

/// Self-attention over the pixels of an image with its norm and residual, as in the DDPM U-Net (Ho et al. 2020, section
/// 4).
package final class AttentionBlock: Module {
    /// nil: no norm before the attention.
    private let norm: GroupNorm?
    private let attention: TokenAttention
    private let outputScale: Float

    /// - Parameters:
    ///   - groups: of the norm; nil for none.
    ///   - outputScale: the output is divided by it.
    package init(
        _ channels: Int, headSize: Int, groups: Int?, epsilon: Float, outputScale: Float = 1, on device: Device
    ) {
        norm = groups.map { GroupNorm(groups: $0, channels: channels, epsilon: epsilon, on: device) }
        attention = TokenAttention(
            channels, heads: AttentionHeads(channels / headSize, size: headSize), bias: true, dropout: 0, on: device)
        self.outputScale = outputScale
    }

    package func visit(_ visitor: inout ParameterVisitor) {
        visitor("group_norm", norm)
        attention.visit(&visitor)
    }

    package func callAsFunction(_ x: Tensor) -> Tensor {  // x (N, H, W, C)
        let tokens: Shape = [x.shape[0], x.shape[1] * x.shape[2], x.shape[3]]
        let h = (norm?(x) ?? x).reshaped(to: tokens)  // (N, L, C)
        let sum = attention(h, plus: x.reshaped(to: tokens), dropout: nil).reshaped(to: x.shape)  // (N, H, W, C)
        return outputScale == 1 ? sum : sum / outputScale
    }
}
