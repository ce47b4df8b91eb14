internal import NeuralNet
internal import TensorCore

/// Attention over pixels with group norm before and the input added after.
final class AnnotatedAttention: Module {
    enum Kind {
        /// Softmax over all pairs of pixels (Vaswani et al. 2017).
        case full
        /// Softmax of queries over features and of keys over pixels, so that cost grows linearly (Shen et al. 2018).
        case linear
    }

    private let kind: Kind
    private let heads: Int
    private let headSize: Int
    private let norm: GroupNorm
    private let toQKV: Convolution2D
    private let toOut: Convolution2D
    private let normOut: GroupNorm?

    init(_ kind: Kind, _ channels: Int, heads: Int, headSize: Int, on device: Device) {
        self.kind = kind
        self.heads = heads
        self.headSize = headSize
        let width = heads * headSize
        norm = GroupNorm(groups: 1, channels: channels, on: device)
        toQKV = Convolution2D(channels, 3 * width, kernel: 1, bias: false, on: device)
        toOut = Convolution2D(width, channels, kernel: 1, on: device)
        normOut = kind == .linear ? GroupNorm(groups: 1, channels: channels, on: device) : nil
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("fn.fn.to_qkv", toQKV)
        visitor(kind == .linear ? "fn.fn.to_out.0" : "fn.fn.to_out", toOut)
        visitor("fn.fn.to_out.1", normOut)
        visitor("fn.norm", norm)
    }

    func callAsFunction(_ x: Tensor) -> Tensor {  // x (N, H, W, C)
        let (samples, pixels, width) = (x.shape[0], x.shape[1] * x.shape[2], heads * headSize)
        let qkv = toQKV(norm(x)).reshaped(to: [samples, pixels, 3 * width])  // (N, L, 3 width)
        let parts = (0..<3).map { qkv.sliced(axis: 2, $0 * width..<($0 + 1) * width) }  // 3 x (N, L, width)
        let scale = 1 / Float(headSize).squareRoot()
        var out: Tensor  // (N, L, width)
        switch kind {
        case .full:
            out = parts[0].attention(key: parts[1], value: parts[2], heads: heads, scale: scale)
        case .linear:
            let split: Shape = [samples, pixels, heads, headSize]
            let q = parts[0].reshaped(to: split).softmax().permuted([0, 2, 1, 3]) * scale  // (N, h, L, d)
            let k = parts[1].reshaped(to: split).permuted([0, 2, 3, 1]).softmax()  // (N, h, d, L)
            let v = parts[2].reshaped(to: split).permuted([0, 2, 1, 3])  // (N, h, L, d)
            let context = k.matmul(v)  // (N, h, d, d)
            out = q.matmul(context).permuted([0, 2, 1, 3]).reshaped(to: [samples, pixels, width])
        }
        let projected = toOut(out.reshaped(to: [samples, x.shape[1], x.shape[2], width]))  // (N, H, W, C)
        return (normOut?(projected) ?? projected) + x  // (N, H, W, C)
    }
}
