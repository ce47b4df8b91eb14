import NumericTestSupport
import TensorCore
import Testing

/// What the tape does around the gradient rules.
@Suite struct TapeTests {
    private let device = Device(threads: 2)

    private func random(_ shape: Shape, _ number: Int) -> Tensor {
        .normal(shape, seed: 3, purpose: .dataset, step: number, on: device)
    }

    /// A network of products and convolutions in which the second weight is used twice and the last not at all.
    private func network(_ x: Tensor, _ weights: [Tensor]) -> Tensor {
        let three = ConvolutionGeometry(kernel: 3, padding: 1)
        let y = x.convolution(weights[0], bias: weights[5], three)
            .convolution(weights[1], bias: nil, three).silu().convolution(weights[1], bias: nil, three)
        return y.linear(weights[2]).convolution(weights[3], bias: nil, ConvolutionGeometry(kernel: 1))
    }

    @Test func storingOverwritesWithWhatAddingToZerosGives() {
        let weights = [
            random([24, 3, 3, 16], 1), random([24, 3, 3, 24], 2), random([5, 24], 3), random([6, 1, 1, 5], 4),
            random([4, 4], 5), random([24], 6),
        ]
        func gradients(storing: Bool) -> [[Float]] {
            let tape = Tape()
            let gradients = weights.map { Tensor.full(storing ? 7 : 0, shape: $0.shape, on: device) }
            let leaves = zip(weights, gradients).map {
                storing ? tape.leaf($0, storingGradientIn: $1) : tape.leaf($0, addingGradientTo: $1)
            }
            let result = network(random([2, 8, 9, 16], 7), leaves)
            tape.backward(from: result, seed: random(result.shape, 8))
            return gradients.map { $0.array() }
        }
        let (stored, added) = (gradients(storing: true), gradients(storing: false))
        #expect(stored == added)
        #expect(stored[4].allSatisfy { $0 == 0 } && stored[1].contains { $0 != 0 })
    }
}
