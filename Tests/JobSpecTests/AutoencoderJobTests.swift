import Configurations
import JobSpec
import Problems
import StrictJSON
import Testing

/// Trainings of autoencoders, and of networks on their latents.
@Suite struct AutoencoderJobTests {
    private static let autoencoder = """
        { "kind": "train", "name": "ae",
          "model": { "architecture": "autoencoder_kl", "block_out_channels": [32, 64], "latent_channels": 2 },
          "dataset": { "format": "synthetic", "name": "shapes", "resolution": 16, "validation_split": 16 },
          "reconstruction": { "loss": "l2", "kl_weight": 1e-5 },
          "training": { "steps": 10 } }
        """

    private static let latent = """
        { "kind": "train", "name": "dit", "autoencoder": "ae",
          "model": { "architecture": "dit", "num_layers": 2, "num_attention_heads": 2, "attention_head_dim": 8,
                     "in_channels": 2, "sample_size": 8, "num_embeds_ada_norm": 3 },
          "dataset": { "format": "synthetic", "name": "shapes", "resolution": 16 },
          "training": { "steps": 10 } }
        """

    private func decode(_ text: String) throws -> JobSpec {
        try JobSpec.decode(Array(text.utf8), fileName: "job.json")
    }

    @Test func sizesOfAnAutoencoderFollowFromTheData() throws {
        let spec = try decode(Self.autoencoder)
        guard case .trainAutoencoder(let job) = spec else {
            Issue.record("not an autoencoder's training")
            return
        }
        #expect(spec.kind == .train && spec.name == "ae")
        #expect(job.model.sampleSize == ImageSize(16) && job.model.upBlockTypes.count == 2)
        #expect(job.dataset.images?.channels == 3 && job.reconstruction.loss == .mse)
        #expect(job.training.validationEvery == job.training.checkpointEvery)
        #expect(try decode(spec.json.text) == spec)
        let other = Self.autoencoder.replacing("\"resolution\": 16, ", with: "")
            .replacing("\"latent_channels\"", with: "\"sample_size\": 32, \"latent_channels\"")
        guard case .trainAutoencoder(let job) = try decode(other) else { return }
        #expect(job.dataset.images?.resolution == 32)
    }

    @Test(arguments: [
        ("\"resolution\": 16", "\"resolution\": 17", "$.dataset.resolution"),
        ("\"latent_channels\": 2", "\"in_channels\": 2, \"out_channels\": 2", "$.model.in_channels"),
        ("\"latent_channels\": 2", "\"out_channels\": 1", "$.model.out_channels"),
        ("\"latent_channels\": 2", "\"sample_size\": 8", "$.dataset.resolution"),
        ("\"latent_channels\": 2", "\"scaling_factor\": 0.5", "$.model.scaling_factor"),
        ("\"name\": \"shapes\", \"resolution\": 16", "\"name\": \"spiral\"", "$.dataset.format"),
        ("\"steps\": 10", "\"steps\": 10, \"class_dropout_prob\": 0.1", "$.training.class_dropout_prob"),
        ("\"reconstruction\"", "\"diffusion\": {}, \"reconstruction\"", "$.diffusion"),
        ("autoencoder_kl", "autoencoder_k", "$.model.architecture"),
    ])
    func refusesAutoencoders(old: String, new: String, path: String) throws {
        let problems = try #require(throws: Problems.self) { try decode(Self.autoencoder.replacing(old, with: new)) }
        #expect(problems.all.map(\.path).contains(path), "\(problems)")
        #expect(problems.all.allSatisfy { $0.remedy != nil })
    }

    @Test func aMistypedArchitectureIsGuessed() throws {
        let problems = try #require(throws: Problems.self) {
            try decode(Self.autoencoder.replacing("autoencoder_kl", with: "autoencoder_k"))
        }
        #expect(problems.all.contains { $0.remedy?.contains("autoencoder_kl") == true })
    }

    /// The model's size counts latents, and latents are not clipped.
    @Test func aNetworkOfLatents() throws {
        let spec = try decode(Self.latent)
        guard case .train(let job) = spec else { return }
        #expect(job.autoencoder == .published("ae") && !job.diffusion.scheduler.clipSample)
        #expect(job.model.sampleShape == .image(ImageSize(8), channels: 2) && job.dataset.images?.resolution == 16)
        #expect(try decode(spec.json.text) == spec)
        let path = try decode(Self.latent.replacing("\"ae\"", with: "\"models/ae\""))
        #expect(path.inputs == [JobInput(role: .autoencoder, path: "models/ae")])
        #expect(path.mapInputs { _ in "/x/y" }.inputs == [JobInput(role: .autoencoder, path: "/x/y")])
    }

    @Test(arguments: [
        ("\"resolution\": 16", "\"resolution\": 24", "$.model.sample_size"),
        (", \"resolution\": 16", "", "$.dataset.resolution"),
        ("\"in_channels\": 2,", "\"in_channels\": 2, \"out_channels\": 3,", "$.model.out_channels"),
    ])
    func refusesLatents(old: String, new: String, path: String) throws {
        let problems = try #require(throws: Problems.self) { try decode(Self.latent.replacing(old, with: new)) }
        #expect(problems.all.map(\.path) == [path] && problems.all[0].remedy != nil, "\(problems)")
    }

    @Test func tellsWhatDoesNotFitItsAutoencoder() throws {
        guard case .train(let job) = try decode(Self.latent) else { return }
        var autoencoder = AutoencoderKLConfiguration()
        (autoencoder.blockOutChannels, autoencoder.latentChannels) = ([32, 64], 2)
        #expect(job.mismatch(with: autoencoder) == nil)
        var other = autoencoder
        other.latentChannels = 4
        #expect(job.mismatch(with: other)?.path == "$.model.in_channels")
        #expect(job.mismatch(with: other)?.message.contains("4 channels") == true)
        other = autoencoder
        other.blockOutChannels = [32, 64, 64]
        let size = try #require(job.mismatch(with: other))
        #expect(size.path == "$.model.sample_size" && size.remedy?.contains("sample_size to 4") == true)
        var coloured = job
        coloured.dataset.images?.channels = 1
        #expect(coloured.mismatch(with: autoencoder)?.path == "$.dataset.channels")
    }
}
