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

    /// A rehearsal takes what the computation takes, on one thread and but for what kernels borrow, and computes nothing.
    @Test func aRehearsalTellsTheMemory() {
        func step(on device: Device) -> MemoryStatistics {
            let shapes: [Shape] = [[24, 3, 3, 16], [24, 3, 3, 24], [5, 24], [6, 1, 1, 5], [4, 4], [24]]
            let tape = Tape()
            let leaves = shapes.map {
                tape.leaf(.zeros($0, on: device), storingGradientIn: .zeros($0, on: device))
            }
            tape.backward(from: network(.ones([16, 64, 64, 16], on: device), leaves))
            return device.memory
        }
        let (real, rehearsed) = (step(on: Device(threads: 1)), step(on: .rehearsal()))
        #expect(rehearsed.used == real.used)
        #expect(rehearsed.held <= real.held && Double(rehearsed.held) > 0.85 * Double(real.held))
    }

    /// Each norm and activation is read by two layers, one of them in another shape.
    @Test func resultsOfNormsAndActivationsAreComputedAgain() {
        let x = random([2, 16, 16, 16], 1)
        let weights = [random([16, 3, 3, 16], 2), random([16, 16], 3), random([16], 4), random([16], 5)]
        let vectors = random([2, 16], 6)
        let same = ConvolutionGeometry(kernel: 3, padding: 1)
        func layers(_ x: Tensor, _ w: [Tensor], keeping: (Tensor) -> Tensor) -> Tensor {
            let a = keeping(x.groupNorm(weight: w[2], bias: w[3], groups: 4, epsilon: 1e-5, activation: .silu))
            let b =
                a.convolution(w[0], bias: w[2], same) + a.reshaped(to: [2, 256, 16]).linear(w[1]).reshaped(to: x.shape)
            let c = keeping(b.layerNorm(weight: w[2], bias: w[3], epsilon: 1e-5))
            let d = keeping(c.linear(w[1], bias: w[3], then: .gelu))
            let e = keeping(d.layerNormModulated(shift: vectors, scale: vectors))
            return keeping(e.linear(w[1]).silu()).linear(w[1]) + e.convolution(w[0], bias: nil, same)
        }
        func gradients(keeping: @escaping (Tensor) -> Tensor) -> (values: [[Float]], kept: Int) {
            let tape = Tape()
            let gradients = (weights + [x]).map { Tensor.zeros($0.shape, on: device) }
            let leaves = zip(weights + [x], gradients).map { tape.leaf($0, storingGradientIn: $1) }
            let before = device.memory.used
            var h = leaves[4]
            for _ in 0..<2 { h = layers(h, leaves, keeping: keeping) }
            let kept = device.memory.used - before
            tape.backward(from: h, seed: random(h.shape, 7))
            return (gradients.map { $0.array() }, kept)
        }
        // A sum's result is kept.
        let zero = Tensor.zeros([1], on: device)
        let (again, kept) = (gradients { $0 }, gradients { $0 + zero })
        #expect(again.values == kept.values)
        // Five results less in each of two rounds.
        #expect(kept.kept - again.kept >= 9 * x.elementCount * 4, "\(kept.kept), \(again.kept)")
        #expect(device.memory.used < 64 * x.elementCount * 4)
    }

    /// Parts that share an input, are nested, and use a weight more than once.
    @Test func recomputingGivesTheSameBits() {
        let x = random([2, 6, 5, 16], 1)
        let weights = [random([16, 3, 3, 16], 2), random([16, 16], 3), random([16], 4)]
        let same = ConvolutionGeometry(kernel: 3, padding: 1)
        func block(_ x: Tensor, _ shared: Tensor, _ weights: [Tensor]) -> Tensor {
            let h = Tensor.recomputable([x, shared]) { ($0[0] * $0[1]).convolution(weights[0], bias: nil, same).silu() }
            return h.linear(weights[1]) + x + shared
        }
        func gradients(recomputing: Bool) -> (values: [[Float]], kept: Int) {
            let tape = Tape(recomputes: recomputing)
            let gradients = (weights + [x]).map { Tensor.zeros($0.shape, on: device) }
            let leaves = zip(weights + [x], gradients).map { tape.leaf($0, storingGradientIn: $1) }
            let before = device.memory.used
            var h = leaves[3]
            for _ in 0..<3 {
                h = .recomputable([h, leaves[2]]) { block($0[0], $0[1], leaves) } + h * leaves[2]
            }
            let kept = device.memory.used - before
            tape.backward(from: h, seed: random(h.shape, 5))
            return (gradients.map { $0.array() }, kept)
        }
        let (plain, recomputed) = (gradients(recomputing: false), gradients(recomputing: true))
        for (a, b) in zip(plain.values, recomputed.values) {
            let isSame = haveSameBits(a, b)
            #expect(isSame)
        }
        #expect(recomputed.kept < plain.kept * 2 / 3)
    }
}
