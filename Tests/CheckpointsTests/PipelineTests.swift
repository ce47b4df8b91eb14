import Checkpoints
import Configurations
import Diffusion
import DurableFiles
import Models
import NeuralNet
import NumericTestSupport
import Problems
import Safetensors
import Sampling
import StrictJSON
import TensorCore
import TestSupport
import Testing

@Suite struct PipelineTests {
    let device = Device(threads: 2)
    let files = PosixFileSystem()

    // MARK: - Directories that diffusers wrote

    @Test func picturesAreThoseOfDiffusers() throws {
        for test in try Fixture("pipeline_pictures").cases {
            let directory = try Pipeline(Fixture.path(try #require(test.options["directory"]?.string)))
            #expect(directory.warnings.isEmpty)
            let name = test.options["pipeline"]?.string == "DDIMPipeline" ? SamplerName.ddim : .ddpm
            let count = try #require(test.options["count"]?.integer)
            let shape = try #require(directory.configuration.sampleShape).dimensions
            let plan = SamplingPlan(
                sampler: try name.sampler(
                    over: directory.scheduler.converted(to: name), steps: #require(test.options["steps"]?.integer),
                    eta: test.options["eta"]?.number ?? 0), sampleShape: shape, count: count, batchSize: count)
            let seed = UInt64(try #require(test.options["seed"]?.integer))
            var run = SamplingRun(
                plan, try directory.model(on: device), from: SamplingCursor(noise: .torch(seed: seed)), on: device)
            var drawn: Tensor?
            while let progress = try run.step() { if case .finished(_, let x) = progress { drawn = x } }

            let images = try #require(drawn).array().map { min(max($0 / 2 + 0.5, 0), 1) }
            let expected = try test.tensor("images", on: device).array()
            #expect(images.count == expected.count)
            let difference = zip(images, expected).map { abs($0 - $1) }.max() ?? 1
            #expect(difference < 1e-4, "\(test)")
            let pixels = try test.tensor("pixels", on: device).array()
            #expect(zip(images, pixels).allSatisfy { abs(($0 * 255).rounded() - $1) <= 1 }, "\(test)")
        }
    }

    // MARK: - What is written

    private static let configurations: [ModelConfiguration] = {
        var unet = UNet2DConfiguration()
        unet.sampleSize = ImageSize(8)
        unet.blockOutChannels = [4, 8]
        unet.downBlockTypes = [.plain, .attention]
        unet.upBlockTypes = [.attention, .plain]
        unet.layersPerBlock = 1
        unet.normNumGroups = 2
        unet.attentionHeadDim = 4
        unet.numClassEmbeds = 3
        var fourier = unet
        fourier.timeEmbeddingType = .fourier
        var annotated = AnnotatedUNetConfiguration()
        annotated.dim = 8
        annotated.dimMults = [1, 2]
        var dit = DiTConfiguration()
        (dit.numAttentionHeads, dit.attentionHeadDim, dit.numLayers) = (2, 4, 2)
        (dit.inChannels, dit.outChannels, dit.sampleSize, dit.numEmbedsAdaNorm) = (3, 3, 8, 5)
        var inContext = dit
        (inContext.normType, inContext.posEmbedType) = (.inContext, .learned)
        let networks: [any DenoiserConfiguration] = [
            MLPConfiguration(dataDimension: 2, hiddenSize: 8, hiddenLayers: 2), unet, fourier, annotated, dit,
            inContext,
        ]
        return networks.map { ModelConfiguration($0) }
    }()

    private func bits(_ module: some Module) -> [String: [UInt32]] {
        Dictionary(uniqueKeysWithValues: module.parameters.map { ($0, $1.value.array().map(\.bitPattern)) })
    }

    @Test(arguments: configurations) func publishedModelComesBackToTheBit(_ configuration: ModelConfiguration) throws {
        let directory = try TemporaryDirectory()
        let model = configuration.makeModel(numTrainTimesteps: 50, on: device)
        model.initialize(seed: 3)
        var scheduler = SchedulerConfiguration()
        scheduler.numTrainTimesteps = 50
        scheduler.predictionType = .vPrediction
        scheduler.timestepSpacing = .trailing
        scheduler.rescaleBetasZeroSNR = true
        try Pipeline.publish(model, configuration, scheduler, at: directory("model"), in: files) {
            try files.writeAtomically([1], to: Path.join($0, "extra"))
        }

        let opened = try Pipeline(directory("model"))
        #expect(opened.configuration == configuration)
        #expect(opened.scheduler == scheduler)
        #expect(opened.schedulerClass == .ddpm)
        #expect(opened.warnings.isEmpty)
        #expect(try files.exists(directory("model/extra")))
        #expect(bits(try opened.model(on: device)) == bits(model))

        // Another model in its place.
        let digest = try opened.weights().digest()
        model.initialize(seed: 4)
        try Pipeline.publish(model, configuration, scheduler, at: directory("model"), in: files)
        #expect(try bits(Pipeline(directory("model")).model(on: device)) == bits(model))
        #expect(try Pipeline(directory("model")).weights().digest() != digest)
        #expect(try !files.exists(directory("model/extra")))
        #expect(try files.list(directory.path).entries.map(\.name) == ["model"])
    }

    @Test func crashWhilePublishingLeavesTheOldModelOrTheNew() throws {
        let configuration = Self.configurations[0]
        func publish(seed: UInt64, at path: String, in files: any FileSystem) throws {
            let model = configuration.makeModel(numTrainTimesteps: 10, on: device)
            model.initialize(seed: seed)
            try Pipeline.publish(model, configuration, SchedulerConfiguration(), at: path, in: files)
        }
        func weights(seed: UInt64) -> [String: [UInt32]] {
            let model = configuration.makeModel(numTrainTimesteps: 10, on: device)
            model.initialize(seed: seed)
            return bits(model)
        }
        let (old, new) = (weights(seed: 1), weights(seed: 2))
        try CrashTest.run { directory in
            try publish(seed: 1, at: "\(directory)/model", in: files)
        } operation: { files, directory in
            try publish(seed: 2, at: "\(directory)/model", in: files)
        } check: { directory, point in
            let found = bits(try Pipeline("\(directory)/model").model(on: device))
            #expect(found == new || !point.isComplete && found == old, "\(point)")
        }
    }

    /// Keys with values, numbers as doubles: 1 and 1.0 are one to Python's readers of configurations.
    private func values(_ path: String) throws -> [String: JSONNode] {
        func normalized(_ node: JSONNode) -> JSONNode {
            if let number = node.number { return JSONNode(.number(number)) }
            if let elements = node.elements { return JSONNode(.array(elements.map(normalized))) }
            return node
        }
        let members = try #require(JSONNode.parse(files.read(path, limit: 1 << 20)).members)
        return Dictionary(uniqueKeysWithValues: members.map { ($0.name, normalized($0.node)) })
    }

    @Test func directoryIsWhatDiffusersWrites() throws {
        let original = Fixture.path("pipeline_ddpm")
        let opened = try Pipeline(original)
        let directory = try TemporaryDirectory()
        try Pipeline.publish(
            try opened.model(on: device), opened.configuration, opened.scheduler, at: directory("model"), in: files)
        for file in ["model_index.json", "unet/config.json", "scheduler/scheduler_config.json"] {
            let (ours, theirs) = (
                try values(directory("model/\(file)")), try values(Path.join(original, file))
            )
            #expect(ours == theirs, "\(file)")
        }
        let weights = "unet/diffusion_pytorch_model.safetensors"
        let (ours, theirs) = (
            try SafetensorsFile(directory("model/\(weights)")), try SafetensorsFile(Path.join(original, weights))
        )
        #expect(ours.metadata == theirs.metadata)
        #expect(ours.tensors.mapValues(\.shape) == theirs.tensors.mapValues(\.shape))
        #expect(ours.tensors.values.allSatisfy { $0.type == .float32 })
        for name in ours.names { #expect(try ours.bytes(name) == theirs.bytes(name), "\(name)") }
    }

    @Test(arguments: SchedulerConfiguration.BetaSchedule.allCases)
    func schedulesThatDiffusersLacksAreWrittenOut(_ schedule: SchedulerConfiguration.BetaSchedule) throws {
        let directory = try TemporaryDirectory()
        let configuration = Self.configurations[0]
        let model = configuration.makeModel(numTrainTimesteps: 30, on: device)
        model.initialize(seed: 1)
        var scheduler = SchedulerConfiguration()
        scheduler.numTrainTimesteps = 30
        scheduler.betaSchedule = schedule
        scheduler.betaStart = 0.001
        try Pipeline.publish(model, configuration, scheduler, at: directory("model"), in: files)

        let betas = try NoiseSchedule(scheduler).betas
        let written = try values(directory("model/scheduler/scheduler_config.json"))["trained_betas"]
        // What both DDPMScheduler and DDIMScheduler of diffusers can compute themselves.
        if [.linear, .scaledLinear, .cosine].contains(schedule) {
            #expect(written?.isNull == true)
        } else {
            #expect(written?.elements?.compactMap(\.number) == betas)
        }
        #expect(try NoiseSchedule(Pipeline(directory("model")).scheduler).betas == betas)
    }
}
