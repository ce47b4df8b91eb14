import NeuralNet
import NumericTestSupport
import TensorCore
import TestSupport
import Testing

/// A module of every kind of parameter: plain, kernel, frozen.
private final class Sampler: Module {
    let convolution: Convolution2D
    let linear: Linear
    let features: FourierEmbedding

    init(on device: Device) {
        convolution = Convolution2D(3, 5, kernel: 3, on: device)
        linear = Linear(7, 2, bias: false, on: device)
        features = FourierEmbedding(6, deviation: 16, on: device)
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("parts", [convolution, linear] as [any Module])
        visitor("features", features)
    }
}

@Suite struct ParameterTests {
    private let device = Device(threads: 2)

    @Test func namesAreDotted() {
        let names = Sampler(on: device).parameters.map(\.name)
        #expect(names == ["parts.0.weight", "parts.0.bias", "parts.1.weight", "features.weight"])
    }

    @Test func kernelsAreChannelsLastInMemory() {
        let weight = Sampler(on: device).convolution.weight
        #expect(weight.fileShape == [5, 3, 3, 3] && weight.shape == [5, 3, 3, 3])
        let wide = Parameter([2, 3, 4, 5], layout: .kernel, .constant(0), on: device)
        #expect(wide.shape == [2, 4, 5, 3] && wide.fileShape == [2, 3, 4, 5])
        let stored = Tensor((0..<120).map(Float.init), shape: [2, 3, 4, 5], on: device)
        wide.load(fileOrder: stored)
        // Element (o, i, y, x) of the file.
        #expect(wide.value.array()[((1 * 4 + 2) * 5 + 3) * 3 + 1] == Float(((1 * 3 + 1) * 4 + 2) * 5 + 3))
        #expect(wide.inFileOrder(wide.value).array() == stored.array())
    }

    @Test func bufferHoldsTrainableParametersAtMultiplesOf16() {
        let module = Sampler(on: device)
        module.initialize(seed: 1)
        let values = module.parameters.map { $0.parameter.value.array() }
        let buffer = ParameterBuffer(module)
        #expect(buffer.entries.map(\.name) == ["parts.0.weight", "parts.0.bias", "parts.1.weight"])
        #expect(buffer.entries.allSatisfy { $0.range.lowerBound % 16 == 0 })
        #expect(module.parameterCount == 135 + 5 + 14)
        #expect(module.parameters.map { $0.parameter.value.array() } == values)
        for (entry, value) in zip(buffer.entries, values) {
            #expect(buffer.weights.sliced(axis: 0, entry.range).array() == value)
        }
    }

    @Test(arguments: [HalfTensor.Format.float16, .bfloat16])
    func layersMultiplyWithWeightsIn16Bits(format: HalfTensor.Format) {
        let (half, full) = (Linear(50, 70, on: device), Linear(50, 70, on: device))
        half.initialize(seed: 1, keeping: format)
        for (ours, theirs) in zip(half.parameters, full.parameters) {
            theirs.parameter.assign(ours.parameter.value)
        }
        let x = Tensor.normal([3, 50], seed: 2, purpose: .dataset, on: device)
        #expect(haveSameBits(half(x).array(), full(x).array()))
    }

    @Test func gradientsOfTrackedParametersReachTheBuffer() {
        let module = Sampler(on: device)
        module.initialize(seed: 1)
        let buffer = ParameterBuffer(module)
        let tape = Tape()
        buffer.track(on: tape)
        #expect(module.linear.weight.value.isTracked && !module.features.weight.value.isTracked)
        let features = module.features([1, 3]).sliced(axis: 1, 0..<6)
        let x = Tensor.concatenated([features, .ones([2, 1], on: device)], axis: 1)
        tape.backward(from: module.linear(x).sum())
        buffer.untrack()
        #expect(!module.linear.weight.value.isTracked)
        // d/dW of the sum of x W^T is the sum of the rows of x.
        let columnSums = x.sum(to: [1, 7])
        let expected = Tensor.concatenated([columnSums, columnSums], axis: 0).array()
        let gradient = buffer.gradients.sliced(axis: 0, buffer.entries[2].range).array()
        #expect(relativeError(gradient, expected) < 1e-6)
        #expect(buffer.gradients.sliced(axis: 0, buffer.entries[0].range).array().allSatisfy { $0 == 0 })
    }

    @Test func valuesCanBeTakenFromAnAverageForAWhile() {
        let module = Sampler(on: device)
        module.initialize(seed: 1)
        let buffer = ParameterBuffer(module)
        let frozen = module.features.weight.value.array()
        let average = Tensor.full(0.25, shape: buffer.weights.shape, on: device)
        buffer.with(average) {
            #expect(module.linear.weight.value.array().allSatisfy { $0 == 0.25 })
            #expect(module.features.weight.value.array() == frozen)
        }
        #expect(module.linear.weight.value.array() == buffer.weights.sliced(axis: 0, buffer.entries[2].range).array())
    }

    @Test func newValuesAreAdopted() {
        let module = Sampler(on: device)
        module.initialize(seed: 1)
        let buffer = ParameterBuffer(module)
        let first = buffer.weights.array()
        module.initialize(seed: 2)
        #expect(buffer.weights.array() == first)
        buffer.adoptValues()
        #expect(buffer.weights.array() != first)
        module.initialize(seed: 1)
        buffer.adoptValues()
        #expect(buffer.weights.array() == first)
    }
}
