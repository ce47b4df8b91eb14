import Checkpoints
import Configurations
import DurableFiles
import Models
import NeuralNet
import NumericTestSupport
import Problems
import Safetensors
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// Latent models on disk, in the directory of a DiTPipeline whose autoencoder's attention has the names of old.
@Suite struct AutoencoderPartTests {
    let device = Device(threads: 2)
    let files = PosixFileSystem()
    let original = Fixture.path("pipeline_dit")

    @Test func partsComputeWhatDiffusersDoes() throws {
        let opened = try Pipeline(original)
        #expect(opened.warnings.isEmpty)
        let shape = try opened.autoencoder?.configuration.pictureShape(of: #require(opened.configuration.sampleShape))
        #expect(shape == .image(ImageSize(8), channels: 3))
        let test = try Fixture("pipeline_dit_pictures")["parts"]
        let sample = try test.tensor("sample", on: device)
        let labels = (test.options["class_labels"]?.elements ?? []).map { $0.integer ?? -1 }
        let timesteps = (test.options["timesteps"]?.elements ?? []).map { Float($0.number ?? .nan) }
        let model = try opened.model(on: device)
        let noise = model(sample, timesteps: timesteps, condition: Condition(classes: labels))
        let noiseError = relativeError(noise, try test.tensor("noise", on: device))
        #expect(noiseError < 1e-5)
        let autoencoder = try AutoencoderPart(original).autoencoder(on: device)
        let picture = autoencoder.decode(autoencoder.unscaled(sample))
        let pictureError = relativeError(picture, try test.tensor("picture", on: device))
        #expect(pictureError < 1e-5)
    }

    private func values(_ path: String) throws -> [String: JSONNode] {
        let members = try #require(JSONNode.parse(files.read(path, limit: 1 << 20)).members)
        return Dictionary(
            uniqueKeysWithValues: members.map { ($0.name, $0.node.number.map { JSONNode(.number($0)) } ?? $0.node) })
    }

    /// The scheduler apart, which becomes the one that it was trained with.
    @Test func directoryIsWhatDiffusersWrites() throws {
        let opened = try Pipeline(original)
        let directory = try TemporaryDirectory()
        let autoencoder = try AutoencoderPart(original).autoencoder(on: device)
        try Pipeline.publish(
            try opened.model(on: device), opened.configuration, opened.scheduler, autoencoder: autoencoder,
            at: directory("model"), in: files)
        var (ours, theirs) = (
            try values(directory("model/model_index.json")), try values(Path.join(original, "model_index.json"))
        )
        (ours["scheduler"], theirs["scheduler"]) = (nil, nil)
        #expect(ours == theirs)
        for part in ["transformer", "vae"] {
            (ours, theirs) = (
                try values(directory("model/\(part)/config.json")),
                try values(Path.join(original, "\(part)/config.json"))
            )
            #expect(ours.mapValues(\.line) == theirs.mapValues(\.line), "\(part)")
        }
        let again = try Pipeline(directory("model"))
        #expect(again.autoencoder?.path == directory("model/vae"))
        let copy = try AutoencoderPart(again.path).autoencoder(on: device)
        for (one, other) in zip(copy.parameters, autoencoder.parameters) {
            #expect(one.name == other.name && one.parameter.value.array() == other.parameter.value.array())
        }
    }

    /// diffusers has no pipeline of a U-Net and an autoencoder. As a DDPMPipeline it opens the directory for its U-Net and scheduler.
    @Test func aUNetOfLatents() throws {
        let directory = try TemporaryDirectory()
        let autoencoder = try AutoencoderPart(original).autoencoder(on: device)
        var c = UNet2DConfiguration()
        c.sampleSize = ImageSize(4)
        (c.blockOutChannels, c.normNumGroups, c.layersPerBlock) = ([4, 8], 2, 1)
        (c.downBlockTypes, c.upBlockTypes) = ([.plain, .plain], [.plain, .plain])
        (c.inChannels, c.outChannels) = (
            autoencoder.configuration.latentChannels, autoencoder.configuration.latentChannels
        )
        let model = UNet2DModel(c, on: device)
        model.initialize(seed: 2)
        let scheduler = try Pipeline(original).scheduler
        try Pipeline.publish(
            model, ModelConfiguration(c), scheduler, autoencoder: autoencoder, at: directory("model"), in: files)
        let index = try values(directory("model/model_index.json")).mapValues(\.line)
        #expect(
            index == [
                "_class_name": #""DDPMPipeline""#,
                "_diffusers_version": #""\#(Pipeline.diffusersVersion)""#,
                "unet": #"["diffusers", "UNet2DModel"]"#, "vae": #"["diffusers", "AutoencoderKL"]"#,
                "scheduler": #"["diffusers", "DDPMScheduler"]"#,
            ])
        let opened = try Pipeline(directory("model"))
        #expect(opened.warnings.isEmpty && opened.configuration == ModelConfiguration(c))
        #expect(opened.autoencoder?.configuration == autoencoder.configuration)
        let z = Tensor.normal([1, 4, 4, c.inChannels], seed: 3, purpose: .dataset, on: device)
        let (again, part) = (
            try opened.model(on: device), try #require(opened.autoencoder).autoencoder(on: device)
        )
        #expect(haveSameBits(again(z, timesteps: [5]).array(), model(z, timesteps: [5]).array()))
        #expect(haveSameBits(part.decode(z).array(), autoencoder.decode(z).array()))
    }

    @Test func anAutoencoderByItself() throws {
        let directory = try TemporaryDirectory()
        let autoencoder = try AutoencoderPart(original).autoencoder(on: device)
        try AutoencoderPart.publish(autoencoder, at: directory("vae-only"), in: files)
        let opened = try AutoencoderPart(directory("vae-only"))
        #expect(opened.configuration == autoencoder.configuration && opened.path == directory("vae-only"))
        _ = try opened.autoencoder(on: device)
        let problem = try #require(throws: Problem.self) { try AutoencoderPart(directory.path) }
        #expect(problem.code == .missing && problem.remedy != nil)
    }

    @Test func latentsMustFit() throws {
        let directory = try TemporaryDirectory()
        let opened = try Pipeline(original)
        var c = try AutoencoderPart(original).configuration
        c.latentChannels = 3
        let other = AutoencoderKL(c, on: device)
        other.initialize(seed: 1)
        try Pipeline.publish(
            try opened.model(on: device), opened.configuration, opened.scheduler, autoencoder: other,
            at: directory("model"), in: files)
        let problem = try #require(throws: Problem.self) { try Pipeline(directory("model")) }
        #expect(problem.code == .invalid && problem.message.contains("3 channels"))
    }
}
