import NeuralNet
import NumericTestSupport
import TensorCore
import Testing

/// PyTorch's defaults: uniform within 1 / sqrt(fan-in) for linear layers and convolutions, their biases included, normal
/// for embeddings, 1 and 0 for norms.
@Suite struct InitializationTests {
    private let device = Device(threads: 1)

    @Test func linearLayersAndConvolutionsAreUniformWithinTheirFanIn() {
        check(Linear(64, 300, on: device), fanIn: 64)
        check(Convolution2D(16, 200, kernel: 3, on: device), fanIn: 16 * 9)
        check(Convolution2D(16, 160, kernel: 7, groups: 16, on: device), fanIn: 49)
        check(TransposedConvolution2D(200, 12, kernel: 4, stride: 2, padding: 1, on: device), fanIn: 12 * 16)
    }

    private func check(_ module: some Module, fanIn: Int) {
        module.initialize(seed: 5)
        let bound = 1 / Double(fanIn).squareRoot()
        for (name, parameter) in module.parameters where parameter.shape.elementCount > 100 {
            let values = parameter.value.array().map(Double.init)
            let count = Double(values.count)
            #expect(values.allSatisfy { abs($0) <= bound * 1.000001 }, "\(name)")
            let mean = values.reduce(0, +) / count
            let variance = values.reduce(0) { $0 + $1 * $1 } / count
            let exact = bound * bound / 3
            // Five standard deviations of the estimates; the fourth moment of a uniform is 9/5 of its squared variance.
            #expect(abs(mean) < 5 * (exact / count).squareRoot(), "\(name)")
            #expect(abs(variance / exact - 1) < 5 * (0.8 / count).squareRoot(), "\(name)")
        }
    }

    @Test func embeddingsAreNormalAndNormsNeutral() {
        let table = Embedding(500, 64, on: device)
        table.initialize(seed: 5)
        let values = table.weight.value.array().map(Double.init)
        let variance = values.reduce(0) { $0 + $1 * $1 } / Double(values.count)
        #expect(abs(variance - 1) < 5 * (2 / Double(values.count)).squareRoot())
        let norm = GroupNorm(groups: 2, channels: 6, on: device)
        norm.initialize(seed: 5)
        #expect(norm.weight.value.array() == [1, 1, 1, 1, 1, 1] && norm.bias.value.array() == [0, 0, 0, 0, 0, 0])
    }

    @Test func valuesDependOnTheSeedAndTheParameterAlone() {
        func weights(_ seed: UInt64) -> [[Float]] {
            let module = Linear(30, 20, on: Device(threads: 3))
            module.initialize(seed: seed)
            return module.parameters.map { $0.parameter.value.array() }
        }
        #expect(weights(5) == weights(5))
        #expect(weights(5) != weights(6))
        #expect(Array(weights(5)[0].prefix(20)) != weights(5)[1])
    }
}
