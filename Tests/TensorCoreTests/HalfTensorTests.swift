import NumericTestSupport
import TensorCore
import Testing

@Suite struct HalfTensorTests {
    @Test(arguments: [HalfTensor.Format.float16, .bfloat16])
    func whatHasSixteenBitsComesBackAsItWas(format: HalfTensor.Format) {
        let device = Device(threads: 2)
        // Odd, and longer than one thread's share; multiples of 1/8 below 16 fit in 8 bits.
        let values = (0..<100_001).map { Float($0 % 255 - 127) / 8 }
        let kept = HalfTensor(Tensor(values, shape: [100_001], on: device), as: format)
        #expect(kept.widened().array() == values)
    }

    @Test func othersAreRoundedToTheNearest() {
        let device = Device(threads: 1)
        let x = Tensor([1 + 1 / 4096, 1 + 3 / 256, 70000, -1e-9], shape: [2, 2], on: device)
        #expect(HalfTensor(x, as: .float16).widened().array() == [1, 1 + 3 / 256, .infinity, -0.0])
        #expect(HalfTensor(x, as: .bfloat16).widened().array() == [1, 1 + 4 / 256, 70144, -9.968061931431293e-10])
    }

    /// Products widen weights as they pack them, with the bits and gradients of widened ones.
    @Test(arguments: [HalfTensor.Format.float16, .bfloat16], [(1, 7, 3), (5, 64, 32), (70, 200, 333)])
    func productsHaveTheBitsOfWidenedWeights(format: HalfTensor.Format, shape: (rows: Int, inputs: Int, outputs: Int)) {
        let device = Device(threads: 2)
        func random(_ shape: Shape, _ number: Int) -> Tensor {
            .normal(shape, seed: 4, purpose: .dataset, step: number, on: device)
        }
        let weight = HalfTensor(random([shape.outputs, shape.inputs], 0), as: format)
        let (x, bias) = (random([shape.rows, shape.inputs], 1), random([shape.outputs], 2))
        let residual = random([shape.rows, shape.outputs], 3)
        let packed = x.linear(weight, bias: bias, then: .silu, plus: residual)
        let widened = x.linear(weight.widened(), bias: bias, then: .silu, plus: residual)
        #expect(haveSameBits(packed.array(), widened.array()))
        func gradient(_ product: (Tensor) -> Tensor) -> [Float] {
            let tape = Tape()
            let gradient = Tensor.zeros(x.shape, on: device)
            tape.backward(from: product(tape.leaf(x, addingGradientTo: gradient)))
            return gradient.array()
        }
        let ours = gradient { $0.linear(weight, bias: bias, then: .silu) }
        #expect(haveSameBits(ours, gradient { $0.linear(weight.widened(), bias: bias, then: .silu) }))
    }

    @Test func itTakesHalfTheMemory() {
        let device = Device(threads: 1)
        let before = device.memory.used
        let kept = HalfTensor(.zeros([512, 512], on: device), as: .bfloat16)
        #expect(device.memory.used - before == 512 * 512 * 2)
        #expect(kept.shape == [512, 512])
    }
}
