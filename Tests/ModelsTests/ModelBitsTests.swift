import Configurations
import Models
import NeuralNet
import NumericTestSupport
import TensorCore
import Testing

/// Whole networks compute the same bits for any number of threads and any split of a batch.
@Suite struct ModelBitsTests {
    enum Network: String, CaseIterable, Sendable {
        case unet2D, unet2DScaleShift, annotatedConvNext, annotatedResnet, mlp, dit, ditInContext, ditCrossAttention,
            videoDiT, videoDiTFull, unet2DCondition

        func make(on device: Device) -> (model: any Denoiser, sampleShape: [Int]) {
            switch self {
            case .unet2D:
                var c = UNet2DConfiguration()
                (c.inChannels, c.outChannels, c.layersPerBlock) = (1, 1, 1)
                c.blockOutChannels = [32, 64, 64]
                c.downBlockTypes = [.plain, .attention, .attention]
                c.upBlockTypes = [.attention, .attention, .plain]
                return (UNet2DModel(c, on: device), [28, 28, 1])
            case .unet2DScaleShift:
                // Down to 2 x 3 pixels, so that products are joined across samples.
                var c = UNet2DConfiguration()
                c.blockOutChannels = [24, 40, 40]
                (c.normNumGroups, c.attentionHeadDim) = (8, 5)
                c.downBlockTypes = [.attention, .attention, .plain]
                c.upBlockTypes = [.plain, .attention, .attention]
                c.resnetTimeScaleShift = .scaleShift
                (c.downsampleType, c.upsampleType) = (.resnet, .resnet)
                return (UNet2DModel(c, on: device), [8, 12, 3])
            case .annotatedConvNext, .annotatedResnet:
                var c = AnnotatedUNetConfiguration()
                (c.dim, c.channels, c.dimMults) = (24, 1, [1, 2, 4])
                c.blockType = self == .annotatedResnet ? .resnet : .convnext
                return (AnnotatedUNet(c, on: device), [28, 28, 1])
            case .dit, .ditInContext, .ditCrossAttention:
                var c = DiTConfiguration()
                (c.numAttentionHeads, c.attentionHeadDim, c.numLayers) = (3, 24, 2)
                (c.inChannels, c.sampleSize, c.numEmbedsAdaNorm) = (3, 14, nil)
                c.normType = self == .dit ? .adaNormZero : self == .ditInContext ? .inContext : .crossAttention
                return (DiT(c, on: device), [14, 14, 3])
            case .videoDiT, .videoDiTFull:
                var c = VideoDiTConfiguration()
                (c.numAttentionHeads, c.attentionHeadDim, c.numLayers) = (3, 24, 2)
                (c.sampleSize, c.sampleFrames, c.patchSize, c.patchSizeT) = (12, 6, 4, self == .videoDiT ? 1 : 2)
                c.attention = self == .videoDiT ? .factorized : .full
                return (VideoDiT(c, on: device), [6, 12, 12, 3])
            case .unet2DCondition:
                // Down to 2 x 2 pixels, from an odd height.
                var c = UNet2DConditionConfiguration()
                c.blockOutChannels = [24, 40, 40]
                (c.normNumGroups, c.attentionHeadDim, c.crossAttentionDim) = (8, .each([3, 5, 4]), .all(20))
                c.downBlockTypes = [.attention, .attention, .plain]
                c.upBlockTypes = [.plain, .attention, .attention]
                (c.transformerLayersPerBlock, c.onlyCrossAttention) = (.each([1, 2, 1]), .each([true, false, false]))
                c.useLinearProjection = true
                return (UNet2DConditionModel(c, on: device), [7, 8, 4])
            case .mlp:
                let c = MLPConfiguration(dataDimension: 2, hiddenSize: 256, hiddenLayers: 3)
                return (MLPDenoiser(c, numTrainTimesteps: 1000, on: device), [2])
            }
        }

        /// What each of so many samples is told.
        func condition(_ samples: Int, on device: Device) -> Condition {
            var condition = Condition()
            if self == .unet2DCondition {
                condition.text = Condition.Text(
                    tokens: .normal([samples, 9, 20], seed: 14, purpose: .dataset, on: device),
                    counts: (0..<samples).map { 1 + 5 * $0 % 9 })
            }
            return condition
        }
    }

    private let timesteps: [Float] = [0, 999, 3, 250, 250, 17, 600, 1]

    private func network(
        _ network: Network, threads: Int
    ) -> (model: any Denoiser, batch: Tensor, condition: Condition) {
        let device = Device(threads: threads)
        let (model, shape) = network.make(on: device)
        model.initialize(seed: 11)
        return (
            model, Tensor.normal(Shape([8] + shape), seed: 12, purpose: .dataset, on: device),
            network.condition(8, on: device)
        )
    }

    @Test(arguments: Network.allCases, [[1, 1, 1, 1, 1, 1, 1, 1], [3, 5]])
    func anySplitOfABatchGivesTheSameBits(_ kind: Network, _ split: [Int]) {
        let (model, batch, condition) = network(kind, threads: 2)
        let whole = model(batch, timesteps: timesteps, condition: condition)
        var first = 0
        for count in split {
            let range = first..<first + count
            let part = model(
                batch.sliced(axis: 0, range), timesteps: Array(timesteps[range]),
                condition: condition.rows(at: Array(range)))
            let isSame = haveSameBits(part.array(), whole.sliced(axis: 0, range).array())
            #expect(isSame, "samples \(range)")
            first += count
        }
    }

    @Test(arguments: Network.allCases)
    func anyNumberOfThreadsGivesTheSameBits(_ kind: Network) {
        func step(threads: Int) -> (output: [Float], gradients: [Float]) {
            let (model, batch, condition) = network(kind, threads: threads)
            let buffer = ParameterBuffer(model)
            let tape = Tape()
            buffer.track(on: tape)
            defer { buffer.untrack() }
            let output = model(batch, timesteps: timesteps, condition: condition)
            let target = Tensor.normal(batch.shape, seed: 13, purpose: .trainingNoise, on: batch.device)
            tape.backward(from: Loss.meanSquared(output, target))
            return (output.array(), buffer.gradients.array())
        }
        let one = step(threads: 1)
        #expect(one.gradients.allSatisfy(\.isFinite) && one.gradients.contains { $0 != 0 })
        for threads in [2, 3, 7] {
            let other = step(threads: threads)
            let isSame = (
                output: haveSameBits(other.output, one.output), gradients: haveSameBits(other.gradients, one.gradients)
            )
            #expect(isSame.output && isSame.gradients, "\(threads) threads: \(isSame)")
        }
    }
}
