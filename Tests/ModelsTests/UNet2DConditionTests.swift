import Configurations
import Models
import NeuralNet
import NumericTestSupport
import TensorCore
import Testing

/// What is more to say of U-Nets that attend to a text than that they agree with diffusers.
@Suite struct UNet2DConditionTests {
    typealias Configuration = UNet2DConditionConfiguration
    private let device = Device(threads: 2)

    /// The networks of Stable Diffusion, with the parameters and tensors that diffusers counts.
    enum Published: CaseIterable, Sendable {
        case sd1, sd1Inpainting, sd2, xl, xlRefiner, upscaler

        var configuration: Configuration {
            var c = Configuration()
            c.sampleSize = ImageSize(64)
            switch self {
            case .sd1: c.crossAttentionDim = .all(768)
            case .sd1Inpainting: (c.crossAttentionDim, c.inChannels) = (.all(768), 9)
            case .sd2:
                (c.crossAttentionDim, c.attentionHeadDim) = (.all(1024), .each([5, 10, 20, 20]))
                c.useLinearProjection = true
            case .xl, .xlRefiner:
                c.blockOutChannels = [320, 640, 1280]
                (c.downBlockTypes, c.upBlockTypes) = (
                    [.plain, .attention, .attention], [.attention, .attention, .plain]
                )
                (c.attentionHeadDim, c.transformerLayersPerBlock) = (.each([5, 10, 20]), .each([1, 2, 10]))
                (c.useLinearProjection, c.crossAttentionDim) = (true, .all(2048))
                c.additionEmbedType = .textAndNumbers
                (c.additionTimeEmbedDim, c.projectionClassEmbeddingsInputDim) = (256, 2816)
                guard self == .xlRefiner else { break }
                c.blockOutChannels = [384, 768, 1536, 1536]
                c.downBlockTypes.append(.plain)
                c.upBlockTypes.insert(.plain, at: 0)
                (c.attentionHeadDim, c.transformerLayersPerBlock) = (.each([6, 12, 24, 24]), .all(4))
                (c.crossAttentionDim, c.projectionClassEmbeddingsInputDim) = (.all(1280), 2560)
            case .upscaler:
                (c.inChannels, c.numClassEmbeds) = (7, 1000)
                c.blockOutChannels = [256, 512, 512, 1024]
                (c.downBlockTypes, c.upBlockTypes) = (
                    [.plain, .attention, .attention, .attention], [.attention, .attention, .attention, .plain]
                )
                (c.useLinearProjection, c.crossAttentionDim) = (true, .all(1024))
                c.onlyCrossAttention = .each([true, true, true, false])
            }
            return c
        }

        var counts: (parameters: Int, tensors: Int) {
            switch self {
            case .sd1: (859_520_964, 686)
            case .sd1Inpainting: (859_535_364, 686)
            case .sd2: (865_910_724, 686)
            case .xl: (2_567_463_684, 1680)
            case .xlRefiner: (2_259_526_660, 1220)
            case .upscaler: (473_398_020, 687)
            }
        }
    }

    @Test(arguments: Published.allCases) func hasTheParametersOfPublishedModels(_ published: Published) throws {
        let c = published.configuration
        let network = UNet2DConditionModel(c, on: .rehearsal())
        #expect(network.parameters.count == published.counts.tensors)
        #expect(network.parameterCount == published.counts.parameters && c.parameters == network.parameterCount)
        #expect(c.cost?.parameters == network.parameterCount)
    }

    @Test func takesTheConditionsOfItsKind() {
        let parts: [Published: Condition.Parts] = [
            .sd1: .text, .sd1Inpainting: [.text, .channels], .sd2: .text, .xl: [.text, .pooledText, .added],
            .xlRefiner: [.text, .pooledText, .added], .upscaler: [.text, .channels, .classes],
        ]
        for published in Published.allCases {
            #expect(ModelConfiguration(published.configuration).conditionParts == parts[published])
        }
    }

    // MARK: - A small one

    /// Three levels, with everything that a sample can be told.
    private static let small: Configuration = {
        var c = Configuration()
        (c.inChannels, c.blockOutChannels, c.normNumGroups) = (7, [8, 16, 16], 4)
        (c.downBlockTypes, c.upBlockTypes) = ([.attention, .plain, .attention], [.attention, .plain, .attention])
        (c.layersPerBlock, c.attentionHeadDim, c.crossAttentionDim) = (.all(1), .all(2), .all(12))
        c.additionEmbedType = .textAndNumbers
        (c.additionTimeEmbedDim, c.projectionClassEmbeddingsInputDim, c.numClassEmbeds) = (8, 26, 5)
        return c
    }()

    private func network(keeping format: HalfTensor.Format? = nil) -> UNet2DConditionModel {
        let network = UNet2DConditionModel(Self.small, on: device)
        network.initialize(seed: 1, keeping: format)
        return network
    }

    private func normal(_ shape: Shape, seed: UInt64) -> Tensor {
        .normal(shape, seed: seed, purpose: .dataset, on: device)
    }

    private func condition(_ samples: Int, height: Int = 8, width: Int = 8) -> Condition {
        var condition = Condition(classes: (0..<samples).map { $0 % 5 })
        condition.text = Condition.Text(tokens: normal([samples, 6, 12], seed: 2))
        condition.pooledText = normal([samples, 10], seed: 3)
        condition.added = normal([samples, 2], seed: 4)
        condition.channels = normal([samples, height, width, 3], seed: 5)
        return condition
    }

    /// Each part of a condition changes what is predicted, and padding of a text does not.
    @Test func listensToItsConditions() {
        let network = network()
        let x = normal([1, 8, 8, 4], seed: 6)
        func output(_ change: (inout Condition) -> Void = { _ in }) -> [Float] {
            var condition = condition(1)
            change(&condition)
            return network(x, timesteps: [7], condition: condition).array()
        }
        let plain = output()
        let others = [
            output { $0.classes = .numbers([1]) }, output { $0.text?.tokens = normal([1, 6, 12], seed: 7) },
            output { $0.pooledText = normal([1, 10], seed: 7) }, output { $0.added = normal([1, 2], seed: 7) },
            output { $0.channels = normal([1, 8, 8, 3], seed: 7) }, output { $0.text?.counts = [4] },
        ]
        #expect(others.allSatisfy { $0 != plain } && Set(others).count == others.count)
        let padded = output { condition in
            condition.text.map { text in
                condition.text = Condition.Text(
                    tokens: .concatenated([text.tokens, normal([1, 3, 12], seed: 7)], axis: 1), counts: [6])
            }
        }
        let isSame = haveSameBits(padded, plain)
        #expect(isSame)
    }

    /// Down to one pixel, and with sides that are no multiple of anything.
    @Test(arguments: [(1, 1), (1, 9), (2, 1), (3, 5), (13, 6)])
    func samplesMayHaveAnySize(height: Int, width: Int) {
        let x = normal([2, height, width, 4], seed: 6)
        let y = network()(x, timesteps: [7, 421], condition: condition(2, height: height, width: width))
        #expect(y.shape == x.shape && y.array().allSatisfy(\.isFinite))
    }

    @Test(arguments: [HalfTensor.Format.float16, .bfloat16])
    func weightsMayBeKeptIn16Bits(_ format: HalfTensor.Format) {
        let x = normal([2, 8, 8, 4], seed: 6)
        let kept = network(keeping: format)
        let rounded = network(keeping: format)
        for (_, parameter) in rounded.parameters { parameter.assign(parameter.value) }
        let (y, expected) = (
            kept(x, timesteps: [7, 421], condition: condition(2)),
            rounded(x, timesteps: [7, 421], condition: condition(2))
        )
        let isSame = haveSameBits(y.array(), expected.array())
        #expect(isSame)
        let error = relativeError(y, network()(x, timesteps: [7, 421], condition: condition(2)))
        #expect(error > 0 && error < 0.05)
    }
}
