internal import NeuralNet
internal import TensorCore

/// Scale and shift of a norm by what belongs to a sample, (N, D) each (Perez et al. 2018).
struct Modulation {
    let shift: Tensor
    let scale: Tensor

    /// LN(x) (1 + scale) + shift, shaped like x (N, L, D).
    func callAsFunction(_ norm: LayerNorm, _ x: Tensor) -> Tensor {
        guard norm.weight != nil else {
            return x.layerNormModulated(shift: shift, scale: scale, epsilon: norm.epsilon)
        }
        let perSample: Shape = [x.shape[0], 1, x.shape[2]]
        return norm(x) * (scale.reshaped(to: perSample) + 1) + shift.reshaped(to: perSample)
    }
}

extension Tensor {
    /// (N, k D) as k times (N, D).
    func vectors(_ count: Int) -> [Tensor] {
        let width = shape[1] / count
        return (0..<count).map { sliced(axis: 1, $0 * width..<($0 + 1) * width) }
    }
}
