import NumericTestSupport
import TensorCore
import TestSupport
import Testing

/// What masks and biases mean where they meet.
@Suite struct AttentionMaskTests {
    private let device = Device(threads: 2)

    private func random(_ shape: Shape, _ number: Int) -> Tensor {
        .normal(shape, seed: 5, purpose: .dataset, step: number, on: device)
    }

    /// The result, and the gradients of its sum to queries, keys and values.
    private func differentiate(
        _ inputs: [Tensor], _ attention: (_ q: Tensor, _ k: Tensor, _ v: Tensor) -> Tensor
    ) -> (result: [Float], gradients: [[Float]]) {
        let tape = Tape()
        let gradients = inputs.map { Tensor.zeros($0.shape, on: device) }
        let leaves = zip(inputs, gradients).map { tape.leaf($0, addingGradientTo: $1) }
        let result = attention(leaves[0], leaves[1], leaves[2])
        tape.backward(from: result)
        return (result.array(), gradients.map { $0.array() })
    }

    @Test func aBiasOfMinusInfinityMasks() {
        let (length, heads) = (150, 2)
        let inputs = (0..<3).map { random([2, length, 2 * 160], $0) }
        let bias = Tensor(
            (0..<length).flatMap { row in (0..<length).map { $0 > row ? -Float.infinity : 0 } },
            shape: [1, length, length], on: device
        ).broadcast(to: [heads, length, length])
        let masked = differentiate(inputs) { $0.attention(key: $1, value: $2, heads: heads, scale: 0.1, mask: .causal) }
        let biased = differentiate(inputs) { $0.attention(key: $1, value: $2, heads: heads, scale: 0.1, bias: bias) }
        #expect(relativeError(biased.result, masked.result) < 1e-6)
        for (biased, masked) in zip(biased.gradients, masked.gradients) {
            #expect(relativeError(biased, masked) < 1e-5)
        }
    }

    /// Keys behind the count may hold anything, even NaN.
    @Test func paddingIsNotRead() {
        var inputs = (0..<3).map { random([2, 6, 8], $0) }
        let padding = Tensor.full(.nan, shape: [2, 3, 8], on: device)
        let counts = AttentionMask.keyCounts([3, 3])
        func attend(_ q: Tensor, _ k: Tensor, _ v: Tensor) -> Tensor {
            q.attention(key: k, value: v, heads: 2, scale: 0.5, mask: counts)
        }
        let expected = attend(inputs[0], inputs[1], inputs[2])
        inputs[1] = .concatenated([inputs[1].sliced(axis: 1, 0..<3), padding], axis: 1)
        #expect(haveSameBits(attend(inputs[0], inputs[1], inputs[2]).array(), expected.array()))
    }

    @Test func noKeysGiveZeros() {
        let q = random([2, 3, 8], 0)
        let none = Tensor.zeros([2, 0, 8], on: device)
        let result = q.attention(key: none, value: none, heads: 2, scale: 1)
        #expect(result.array() == [Float](repeating: 0, count: 48))
    }
}
