public import TensorCore

/// Dropout (Srivastava et al. 2014) for one forward pass: which elements fall is a function of the seed, the pass and the
/// layer's turn in it, so a resumed training drops the same ones.
public final class DropoutMasks {
    private let seed: UInt64
    private let pass: Int
    private var layer = 0  // the next one's turn

    /// - Parameter pass: the number of this forward pass since the training began.
    public init(seed: UInt64, pass: Int) {
        self.seed = seed
        self.pass = pass
    }

    /// `x` with each element zeroed with `probability`, the others scaled so that the mean stays.
    public func drop(_ x: Tensor, probability: Float) -> Tensor {
        guard probability > 0 else { return x }
        defer { layer += 1 }
        var stream = Philox(seed: seed, purpose: .dropout, step: pass, sample: layer)
        let keep = 1 / (1 - probability)
        return x
            * Tensor(
                stream.uniforms(x.elementCount).map { $0 < probability ? 0 : keep }, shape: x.shape, on: x.device)
    }

    /// `Tensor.recomputable` for a part of a network in which elements may fall: they are the same when it is computed again.
    fileprivate func recomputable(_ inputs: [Tensor], _ body: @escaping ([Tensor]) -> Tensor) -> Tensor {
        let first = layer
        return .recomputable(inputs) { inputs in
            self.layer = first
            return body(inputs)
        }
    }
}

extension Tensor {
    /// `recomputable` for a part of a network that draws from `dropout`.
    public static func recomputable(
        _ inputs: [Tensor], dropout: DropoutMasks?, _ body: @escaping ([Tensor]) -> Tensor
    ) -> Tensor {
        dropout?.recomputable(inputs, body) ?? recomputable(inputs, body)
    }
}
