import Configurations
import Models
import NeuralNet
import NumericTestSupport
import TensorCore
import Testing

/// A training in its steady state takes nothing from the operating system and keeps nothing.
@Suite struct MemoryTests {
    @Test(arguments: ModelBitsTests.Network.allCases)
    func stepsReuseTheirMemory(_ network: ModelBitsTests.Network) {
        // One thread: with several, how many scratch buffers are out at once is a matter of timing.
        let device = Device(threads: 1)
        let (model, shape) = network.make(on: device)
        model.initialize(seed: 11)
        let buffer = ParameterBuffer(model)
        let optimizer = Optimizer(
            .adam(Adam(isDecoupled: true)), buffer, averaging: true)
        func takeStep(_ step: Int) {
            let x = Tensor.normal(Shape([4] + shape), seed: 12, purpose: .dataset, step: step, on: device)
            let noise = Tensor.normal(x.shape, seed: 12, purpose: .trainingNoise, step: step, on: device)
            buffer.gradients.clear()
            let tape = Tape()
            buffer.track(on: tape)
            let output = model(x, timesteps: [1, 2, 30, 400], condition: network.condition(4, on: device))
            tape.backward(from: Loss.meanSquared(output, noise))
            buffer.untrack()
            optimizer.update(step: step, learningRate: 1e-3, gradientScale: 1, averageDecay: 0.9)
        }
        let baseline = device.memory.used
        takeStep(0)
        #expect(device.memory.used == baseline)
        let first = device.memory
        #expect(first.peak > baseline && first.peak <= first.held)
        for step in 1..<4 {
            takeStep(step)
            #expect(device.memory.systemAllocations == first.systemAllocations)
            #expect(device.memory.used == baseline && device.memory.held == first.held)
        }
        device.trim()
        #expect(device.memory.held == baseline)
    }

    /// Gradient checkpointing changes no bit, also with dropout, and lowers the peak.
    @Test(arguments: [
        ModelBitsTests.Network.unet2D, .annotatedConvNext, .annotatedResnet, .dit, .videoDiT, .unet2DCondition,
    ])
    func recomputingTakesLessMemory(_ network: ModelBitsTests.Network) {
        func step(recomputing: Bool) -> (gradients: [Float], peak: Int) {
            self.step(recomputing: recomputing, network.make(on:)) { network.condition(4, on: $0) }
        }
        let (plain, recomputed) = (step(recomputing: false), step(recomputing: true))
        let isSame = haveSameBits(plain.gradients, recomputed.gradients)
        #expect(isSame)
        #expect(recomputed.peak < plain.peak * 7 / 8)
    }

    @Test func recomputedPartsDropTheSameElements() {
        var c = UNet2DConfiguration()
        (c.blockOutChannels, c.normNumGroups, c.dropout) = ([16, 32], 8, 0.3)
        c.downBlockTypes = [.plain, .attention]
        c.upBlockTypes = [.attention, .plain]
        let make: (Device) -> (model: any Denoiser, sampleShape: [Int]) = { [c] in (UNet2DModel(c, on: $0), [8, 8, 3]) }
        let (plain, recomputed) = (step(recomputing: false, make), step(recomputing: true, make))
        let isSame = haveSameBits(plain.gradients, recomputed.gradients)
        #expect(isSame)
        #expect(recomputed.peak < plain.peak)
    }

    /// The gradients of one step, and how much memory it took beside the weights.
    private func step(
        recomputing: Bool, _ make: (Device) -> (model: any Denoiser, sampleShape: [Int]),
        _ condition: (Device) -> Condition = { _ in .none }
    ) -> (gradients: [Float], peak: Int) {
        let device = Device(threads: 1)
        let (model, shape) = make(device)
        model.initialize(seed: 11)
        let buffer = ParameterBuffer(model)
        let x = Tensor.normal(Shape([4] + shape), seed: 12, purpose: .dataset, on: device)
        let condition = condition(device)
        let before = device.memory.used
        device.resetPeakMemory()
        let tape = Tape(recomputes: recomputing)
        buffer.track(on: tape, adding: false)
        let output = model(
            x, timesteps: [1, 2, 30, 400], condition: condition, dropout: DropoutMasks(seed: 13, pass: 0))
        tape.backward(from: Loss.meanSquared(output, x))
        buffer.untrack()
        return (buffer.gradients.array(), device.memory.peak - before)
    }

    @Test func theTapeLetsGoOfActivationsOnItsWayBack() {
        let device = Device(threads: 1)
        let x = Tensor.ones([1 << 16], on: device)
        let gradient = Tensor.zeros(x.shape, on: device)
        device.resetPeakMemory()
        let before = device.memory.used
        let tape = Tape()
        var y = tape.leaf(x, addingGradientTo: gradient)
        for _ in 0..<20 { y = y.silu() }
        let afterForward = device.memory.used
        tape.backward(from: y)
        // Twenty activations, and on the way back no more than a few gradients beside them.
        #expect(device.memory.peak - before <= afterForward - before + 4 * x.elementCount * 4)
        y = x
        #expect(device.memory.used == before)
    }
}
