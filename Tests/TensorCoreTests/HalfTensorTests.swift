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

    @Test func itTakesHalfTheMemory() {
        let device = Device(threads: 1)
        let before = device.memory.used
        let kept = HalfTensor(.zeros([512, 512], on: device), as: .bfloat16)
        #expect(device.memory.used - before == 512 * 512 * 2)
        #expect(kept.shape == [512, 512])
    }
}
