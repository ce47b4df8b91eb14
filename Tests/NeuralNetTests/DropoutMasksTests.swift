import NeuralNet
import NumericTestSupport
import TensorCore
import Testing

@Suite struct DropoutMasksTests {
    private let device = Device(threads: 1)

    private func mask(_ probability: Float, seed: UInt64 = 1, pass: Int = 0, layer: Int = 0) -> [Float] {
        let masks = DropoutMasks(seed: seed, pass: pass)
        let ones = Tensor.ones([40, 1000], on: device)
        for _ in 0..<layer { _ = masks.drop(ones, probability: probability) }
        return masks.drop(ones, probability: probability).array()
    }

    @Test(arguments: [Float(0.1), 0.5, 0.9])
    func dropsThatShareAndKeepsTheMean(_ probability: Float) {
        let values = mask(probability)
        let dropped = Double(values.count { $0 == 0 }) / Double(values.count)
        let deviation = (Double(probability) * Double(1 - probability) / Double(values.count)).squareRoot()
        #expect(abs(dropped - Double(probability)) < 5 * deviation)
        #expect(values.allSatisfy { $0 == 0 || $0 == 1 / (1 - probability) })
    }

    @Test func isAFunctionOfSeedPassAndLayer() {
        #expect(mask(0.5) == mask(0.5))
        #expect(mask(0.5, seed: 2) != mask(0.5))
        #expect(mask(0.5, pass: 1) != mask(0.5))
        #expect(mask(0.5, layer: 1) != mask(0.5))
    }

    @Test func nothingFallsAtProbabilityZero() {
        #expect(mask(0).allSatisfy { $0 == 1 })
    }

    @Test func gradientsPassWhereNothingFell() {
        let tape = Tape()
        let x = Tensor.ones([300], on: device)
        let gradient = Tensor.zeros([300], on: device)
        let y = DropoutMasks(seed: 1, pass: 0).drop(tape.leaf(x, addingGradientTo: gradient), probability: 0.3)
        tape.backward(from: y.sum())
        #expect(gradient.array() == y.array())
    }
}
