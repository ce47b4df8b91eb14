package import NeuralNet
package import TensorCore

/// Self-attention over the pixels of an image with its norm and residual, as in the DDPM U-Net (Ho et al. 2020, section 4).
package final class AttentionBlock: Module {
    /// nil: no norm before the attention.
    private let norm: GroupNorm?
    private let toQuery: Linear
    private let toKey: Linear
    private let toValue: Linear
    private let toOut: Linear
    private let heads: Int
    private let headSize: Int
    private let outputScale: Float

    package init(
        _ channels: Int, headSize: Int, groups: Int?, epsilon: Float, outputScale: Float = 1, on device: Device
    ) {
        heads = channels / headSize
        self.headSize = headSize
        let width = heads * headSize
        norm = groups.map { GroupNorm(groups: $0, channels: channels, epsilon: epsilon, on: device) }
        toQuery = Linear(channels, width, on: device)
        toKey = Linear(channels, width, on: device)
        toValue = Linear(channels, width, on: device)
        toOut = Linear(width, channels, on: device)
        self.outputScale = outputScale
    }

    package func visit(_ visitor: inout ParameterVisitor) {
        visitor("group_norm", norm)
        visitor("to_q", toQuery)
        visitor("to_k", toKey)
        visitor("to_v", toValue)
        visitor("to_out.0", toOut)
    }

    package func callAsFunction(_ x: Tensor) -> Tensor {  // x (N, H, W, C)
        let h = (norm?(x) ?? x).reshaped(to: [x.shape[0], x.shape[1] * x.shape[2], x.shape[3]])  // (N, L, C)
        let attended = toQuery(h).attention(
            key: toKey(h), value: toValue(h), heads: heads, scale: 1 / Float(headSize).squareRoot())  // (N, L, C)
        let sum = toOut(attended, plus: x.reshaped(to: h.shape)).reshaped(to: x.shape)  // (N, H, W, C)
        return outputScale == 1 ? sum : sum / outputScale
    }
}
