import Configurations
import Models
import NeuralNet
import NumericTestSupport
import TensorCore
import Testing

/// What no other program has to compare with: the DiT paper's other blocks, and how networks begin.
@Suite struct DiTTests {
    private let device = Device(threads: 2)

    /// Two blocks of two heads for 8 x 8 pixels.
    private static func tiny(
        _ conditioning: DiTConfiguration.Conditioning, classes: Int? = 3,
        positions: DiTConfiguration.Positions = .sincos
    ) -> DiTConfiguration {
        var c = DiTConfiguration()
        (c.numAttentionHeads, c.attentionHeadDim, c.numLayers) = (2, 4, 2)
        (c.inChannels, c.sampleSize) = (2, 8)
        (c.normType, c.numEmbedsAdaNorm, c.posEmbedType) = (conditioning, classes, positions)
        return c
    }

    private static let configurations: [DiTConfiguration] =
        DiTConfiguration.Conditioning.allCases.flatMap {
            [tiny($0), tiny($0, classes: nil), tiny($0, positions: .learned)]
        }

    /// Every parameter off its first value, so that nothing is multiplied with zero.
    private func network(_ c: DiTConfiguration) -> DiT {
        let model = DiT(c, on: device)
        model.initialize(seed: 1)
        for (number, entry) in model.parameters.enumerated() {
            let value = entry.parameter.value
            let noise = Tensor.normal(value.shape, seed: 2, purpose: .dataset, step: number, on: device)
            entry.parameter.assign(value + noise * 0.2)
        }
        return model
    }

    private func condition(_ c: DiTConfiguration) -> Condition {
        c.numEmbedsAdaNorm.map { Condition(classes: [0, $0]) } ?? .none
    }

    @Test(arguments: configurations) func gradientsAreThoseOfFiniteDifferences(_ c: DiTConfiguration) {
        let model = network(c)
        let x = Tensor.normal([2, 8, 8, 2], seed: 3, purpose: .dataset, on: device)
        let cotangent = Tensor.normal([2, 8, 8, 2], seed: 4, purpose: .dataset, on: device)
        func value() -> Double {
            let output = model(x, timesteps: [7, 421], condition: condition(c))
            return zip(output.array(), cotangent.array()).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        let buffer = ParameterBuffer(model)
        let tape = Tape()
        buffer.track(on: tape)
        let output = model(x, timesteps: [7, 421], condition: condition(c))
        #expect(output.shape == x.shape)
        tape.backward(from: output, seed: cotangent)
        buffer.untrack()

        let largest = buffer.gradients.sumOfSquares.squareRoot()
        for (name, parameter, range) in buffer.entries {
            let original = parameter.value
            let direction = Tensor.normal(original.shape, seed: 5, purpose: .dataset, on: device)
            let length = direction.sumOfSquares.squareRoot()
            let step: Float = 4e-3 / Float(length)
            parameter.assign(original + direction * step)
            let above = value()
            parameter.assign(original - direction * step)
            let below = value()
            parameter.assign(original)
            let measured = (above - below) / (2 * Double(step))
            let gradient = buffer.gradients.sliced(axis: 0, range).array()
            let expected = zip(gradient, direction.array()).reduce(0) { $0 + Double($1.0) * Double($1.1) }
            #expect(abs(measured - expected) < 2e-3 * length * largest, "\(name): \(measured), not \(expected)")
        }
    }

    /// A picture's class and timestep change what every kind of block makes of it.
    @Test(arguments: DiTConfiguration.Conditioning.allCases)
    func listensToItsConditions(_ conditioning: DiTConfiguration.Conditioning) {
        let c = Self.tiny(conditioning)
        let model = network(c)
        let one = Tensor.normal([1, 8, 8, 2], seed: 3, purpose: .dataset, on: device)
        let x = Tensor.concatenated([one, one, one], axis: 0)
        let y = model(x, timesteps: [7, 7, 421], condition: Condition(classes: [1, 3, 1])).array()
        let size = one.elementCount
        #expect(y[..<size] != y[size..<2 * size] && y[..<size] != y[(2 * size)...])
    }

    @Test func adaNormZeroBeginsAsTheIdentity() {
        let c = Self.tiny(.adaNormZero)
        let block = AdaNormZeroBlock(c, on: device)
        block.initialize(seed: 1)
        let x = Tensor.normal([2, 16, 8], seed: 3, purpose: .dataset, on: device)
        let condition = Tensor.normal([2, 8], seed: 4, purpose: .dataset, on: device)
        #expect(haveSameBits(block(x, condition, dropout: nil).array(), x.array()))
    }

    @Test(arguments: configurations) func beginsByPredictingZero(_ c: DiTConfiguration) {
        let model = DiT(c, on: device)
        model.initialize(seed: 1)
        let x = Tensor.normal([2, 8, 8, 2], seed: 3, purpose: .dataset, on: device)
        #expect(model(x, timesteps: [7, 421], condition: condition(c)).array().allSatisfy { $0 == 0 })
    }

    @Test func sinesAndCosinesServePicturesOfAnySize() {
        let c = Self.tiny(.adaNormZero)
        let x = Tensor.normal([2, 12, 6, 2], seed: 3, purpose: .dataset, on: device)
        #expect(network(c)(x, timesteps: [7, 421], condition: condition(c)).shape == x.shape)
    }

    @Test(arguments: configurations) func costCountsEveryParameter(_ c: DiTConfiguration) {
        var gated = c
        (gated.activationFn, gated.attentionBias, gated.outChannels, gated.patchSize) = (.geglu, false, 4, 4)
        gated.normElementwiseAffine = c.normType == .adaNormZero
        #expect(DiT(c, on: device).parameterCount == c.cost?.parameters)
        #expect(DiT(gated, on: device).parameterCount == gated.cost?.parameters)
    }
}
