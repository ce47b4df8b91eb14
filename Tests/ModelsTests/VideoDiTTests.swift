import Configurations
import Models
import NeuralNet
import NumericTestSupport
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// Video transformers: against the reference in PyTorch, and what follows from how they are made.
@Suite struct VideoDiTTests {
    private let device = Device(threads: 2)

    @Test func agreesWithTheReference() throws {
        let fixture = try Fixture("models_video_dit")
        #expect(fixture.cases.count > 5)
        for test in fixture.cases {
            let members = test.options["config"]?.members ?? []
            let name = JSONNode.Member("_class_name", JSONNode(.string("VideoDiT")))
            let config = JSONNode(.object([name] + members))
            let model = try ModelConfiguration.read(config: Array(config.text.utf8)).configuration.makeModel(
                numTrainTimesteps: 1000, on: device)
            let timesteps = try #require(test.options["timesteps"]?.elements).flatMap {
                ($0.elements ?? []).map { Float($0.number ?? .nan) }
            }
            let labels = test.options["class_labels"]?.elements?.map { $0.integer ?? -1 }
            let condition = labels.map { Condition(classes: $0) } ?? .none
            if test.options["gradients_stored"]?.bool == true {
                let differences = try test.differences(of: model, ["sample"], on: device) {
                    try model(#require($0["sample"]), timesteps: timesteps, condition: condition)
                }
                #expect(
                    differences.output < 1e-5 && differences.worstGradient.error < 1e-4, "\(test.name): \(differences)")
            } else {
                try model.load(test.tensors(under: "weights."))
                let output = model(
                    try test.tensor("sample", on: device), timesteps: timesteps, condition: condition)
                #expect(relativeError(output, try test.tensor("output", on: device)) < 1e-5, "\(test.name)")
            }
        }
    }

    /// Two blocks of two heads for clips of 4 frames of 8 x 8 pixels.
    private static func tiny(
        _ attention: VideoDiTConfiguration.Attention, classes: Int? = 3, framesOfAPatch: Int = 1, isMixing: Bool = false
    ) -> VideoDiTConfiguration {
        var c = VideoDiTConfiguration()
        (c.numAttentionHeads, c.attentionHeadDim, c.numLayers) = (2, 4, 2)
        (c.inChannels, c.sampleSize, c.sampleFrames, c.patchSize) = (2, 8, 4, 4)
        (c.attention, c.numEmbedsAdaNorm, c.patchSizeT, c.mixFFN) = (attention, classes, framesOfAPatch, isMixing)
        return c
    }

    private static let configurations = VideoDiTConfiguration.Attention.allCases.flatMap {
        [tiny($0), tiny($0, classes: nil), tiny($0, framesOfAPatch: 2), tiny($0, isMixing: true)]
    }

    /// Every parameter off its first value, so that nothing is multiplied with zero.
    private func shake(_ model: some Module, spread: Float = 0.2) {
        model.initialize(seed: 1)
        for (number, entry) in model.parameters.enumerated() {
            let value = entry.parameter.value
            let noise = Tensor.normal(value.shape, seed: 2, purpose: .dataset, step: number, on: device)
            entry.parameter.assign(value + noise * spread)
        }
    }

    private func network(_ c: VideoDiTConfiguration) -> VideoDiT {
        let model = VideoDiT(c, on: device)
        shake(model)
        return model
    }

    private func condition(_ c: VideoDiTConfiguration) -> Condition {
        c.numEmbedsAdaNorm.map { Condition(classes: [0, $0]) } ?? .none
    }

    private func clips(frames: Int, height: Int = 8, width: Int = 8) -> Tensor {
        .normal([2, frames, height, width, 2], seed: 3, purpose: .dataset, on: device)
    }

    @Test(arguments: configurations) func beginsByPredictingZero(_ c: VideoDiTConfiguration) {
        let model = VideoDiT(c, on: device)
        model.initialize(seed: 1)
        let output = model(clips(frames: 4), timesteps: [7, 421], condition: condition(c))
        #expect(output.shape == [2, 4, 8, 8, 2] && output.array().allSatisfy { $0 == 0 })
    }

    @Test(arguments: configurations) func costCountsEveryParameter(_ c: VideoDiTConfiguration) {
        #expect(VideoDiT(c, on: device).parameterCount == c.cost(frames: 4).parameters)
    }

    /// The weights of an image model, in a video model of the same shape.
    private func imageModel(_ c: VideoDiTConfiguration, within video: VideoDiT) -> DiT {
        let image = DiT(c.spatial, on: device)
        shake(image)
        let own = Dictionary(uniqueKeysWithValues: video.parameters.map { ($0.name, $0.parameter) })
        for (name, parameter) in image.parameters { own[name]?.assign(parameter.value) }
        #expect(image.parameters.allSatisfy { own[$0.name]?.shape == $0.parameter.shape })
        return image
    }

    @Test(arguments: VideoDiTConfiguration.Attention.allCases)
    func oneFrameIsThePictureOfTheImageModel(_ attention: VideoDiTConfiguration.Attention) {
        let c = Self.tiny(attention)
        let video = network(c)
        let image = imageModel(c, within: video)
        let x = clips(frames: 1)
        let pictures = image(x.reshaped(to: [2, 8, 8, 2]), timesteps: [7, 421], condition: condition(c))
        let frames = video(x, timesteps: [7, 421], condition: condition(c))
        #expect(haveSameBits(frames.array(), pictures.array()))
    }

    /// Blocks over time begin as the identity, and neighbours are mixed with nothing.
    @Test(arguments: [false, true]) func anImageModelIsAStart(isMixing: Bool) {
        let c = Self.tiny(.factorized, isMixing: isMixing)
        let video = VideoDiT(c, on: device)
        video.initialize(seed: 1)
        let image = imageModel(c, within: video)
        let x = clips(frames: 4)
        let pictures = image(
            x.reshaped(to: [8, 8, 8, 2]), timesteps: [7, 7, 7, 7, 421, 421, 421, 421],
            condition: Condition(classes: [0, 0, 0, 0, 3, 3, 3, 3]))
        let frames = video(x, timesteps: [7, 421], condition: Condition(classes: [0, 3]))
        #expect(haveSameBits(frames.array(), pictures.array()))
    }

    /// With one place in a frame, attention over time is attention among all.
    @Test func kindsOfAttentionAgreeWhereTheyMust() {
        let attention = TokenAttention(8, heads: AttentionHeads(2, size: 4), bias: true, dropout: 0, on: device)
        shake(attention)
        func run(_ tokens: Tensor) -> Tensor { attention(tokens, dropout: nil) }
        let onePlace = Tensor.normal([6, 1, 8], seed: 3, purpose: .dataset, on: device)
        #expect(haveSameBits(onePlace.overTime(clips: 2, run).array(), onePlace.among(clips: 2, run).array()))
        // With one frame, attention within a frame is attention among all, and over time each token sees itself.
        let oneFrame = Tensor.normal([2, 5, 8], seed: 3, purpose: .dataset, on: device)
        #expect(haveSameBits(oneFrame.among(clips: 2, run).array(), run(oneFrame).array()))
        let alone = run(oneFrame.reshaped(to: [10, 1, 8]))
        #expect(haveSameBits(oneFrame.overTime(clips: 2, run).array(), alone.array()))
        // Otherwise they differ.
        let tokens = Tensor.normal([6, 5, 8], seed: 3, purpose: .dataset, on: device)
        #expect(relativeError(tokens.overTime(clips: 2, run), tokens.among(clips: 2, run)) > 0.01)
    }

    @Test(arguments: VideoDiTConfiguration.Attention.allCases)
    func framesHaveLevelsOfTheirOwn(_ attention: VideoDiTConfiguration.Attention) {
        let c = Self.tiny(attention)
        let model = network(c)
        let x = clips(frames: 4)
        let shared = model(x, timesteps: [7, 421], condition: condition(c)).array()
        let spelled = model(x, timesteps: [7, 7, 7, 7, 421, 421, 421, 421], condition: condition(c)).array()
        #expect(haveSameBits(shared, spelled))
        let other = model(x, timesteps: [7, 7, 7, 0, 421, 421, 421, 421], condition: condition(c)).array()
        #expect(other[..<512] != shared[..<512] && haveSameBits(Array(other[512...]), Array(shared[512...])))
    }

    /// A frame's output hears of all other frames.
    @Test(arguments: VideoDiTConfiguration.Attention.allCases)
    func framesSeeEachOther(_ attention: VideoDiTConfiguration.Attention) {
        let c = Self.tiny(attention)
        let model = network(c)
        let x = clips(frames: 4)
        let changed = Tensor.concatenated([x.sliced(axis: 1, 0..<3), x.sliced(axis: 1, 0..<1)], axis: 1)
        let (a, b) = (
            model(x, timesteps: [7, 421], condition: condition(c)),
            model(changed, timesteps: [7, 421], condition: condition(c))
        )
        #expect(a.sliced(axis: 1, 0..<1).array() != b.sliced(axis: 1, 0..<1).array())
    }

    /// Places in space are those of training, spread; those in time go on as they began.
    @Test(arguments: VideoDiTConfiguration.Attention.allCases)
    func servesLongerAndLargerClips(_ attention: VideoDiTConfiguration.Attention) {
        let c = Self.tiny(attention)
        let x = clips(frames: 8, height: 12, width: 16)
        let output = network(c)(x, timesteps: [7, 421], condition: condition(c))
        #expect(output.shape == x.shape && output.array().allSatisfy(\.isFinite))
        let (short, long) = (TimePositions.table(4, width: 8, on: device), TimePositions.table(8, width: 8, on: device))
        #expect(short.array() == Array(long.array().prefix(32)))
        #expect(short.array().prefix(8).allSatisfy { $0 == 0 })
        let rows = (0..<8).map { Array(long.array()[8 * $0..<8 * $0 + 8]) }
        #expect(Set(rows).count == 8)
    }
}
