package import NeuralNet
package import TensorCore

/// Attention over pixels with group norm before and the input added after.
package final class AnnotatedAttention: Module {
    package enum Kind {
        /// Softmax over all pairs of pixels (Vaswani et al. 2017).
        case full
        /// Softmax of queries over features and of keys over pixels, so that cost grows linearly (Shen et al. 2018).
        case linear
    }

    private let kind: Kind
    private let heads: AttentionHeads
    private let norm: GroupNorm
    private let toQKV: Convolution2D
    private let toOut: Convolution2D
    private let normOut: GroupNorm?

    package init(_ kind: Kind, _ channels: Int, heads: AttentionHeads, on device: Device) {
        self.kind = kind
        self.heads = heads
        norm = GroupNorm(groups: 1, channels: channels, on: device)
        toQKV = Convolution2D(channels, 3 * heads.width, kernel: 1, bias: false, on: device)
        toOut = Convolution2D(heads.width, channels, kernel: 1, on: device)
        normOut = kind == .linear ? GroupNorm(groups: 1, channels: channels, on: device) : nil
    }

    package func visit(_ visitor: inout ParameterVisitor) {
        visitor("fn.fn.to_qkv", toQKV)
        visitor(kind == .linear ? "fn.fn.to_out.0" : "fn.fn.to_out", toOut)
        visitor("fn.fn.to_out.1", normOut)
        visitor("fn.norm", norm)
    }

    package func callAsFunction(_ x: Tensor) -> Tensor {  // x (N, H, W, C)
        let (samples, pixels, width) = (x.shape[0], x.shape[1] * x.shape[2], heads.width)
        let qkv = toQKV(norm(x)).reshaped(to: [samples, pixels, 3 * width])  // (N, L, 3 width)
        let parts = (0..<3).map { qkv.sliced(axis: 2, $0 * width..<($0 + 1) * width) }  // 3 x (N, L, width)
        let out: Tensor  // (N, L, width)
        switch kind {
        case .full:
            out = parts[0].attention(key: parts[1], value: parts[2], heads: heads.count, scale: heads.scale)
        case .linear:
            out = parts[0].linearAttention(key: parts[1], value: parts[2], heads: heads.count, scale: heads.scale)
        }
        let projected = toOut(out.reshaped(to: [samples, x.shape[1], x.shape[2], width]))  // (N, H, W, C)
        return (normOut?(projected) ?? projected) + x  // (N, H, W, C)
    }
}
