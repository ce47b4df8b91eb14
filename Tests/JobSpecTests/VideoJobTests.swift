import Configurations
import JobSpec
import Problems
import StrictJSON
import Testing

/// Jobs with models of video: what follows from what, and what does not fit.
@Suite struct VideoJobTests {
    private static let training = """
        { "kind": "train", "name": "clips",
          "model": { "architecture": "video_dit", "num_embeds_ada_norm": 3, "sample_frames": 8 },
          "dataset": { "format": "synthetic", "name": "moving_shapes" },
          "training": { "steps": 10 } }
        """

    private static let extending = """
        { "kind": "video_extend", "name": "more", "model": "clips", "video": "clip.mp4", "frames": 20, "context_frames": 4 }
        """

    private func decode(_ text: String) throws -> JobSpec {
        try JobSpec.decode(Array(text.utf8), fileName: "video.json")
    }

    @Test func sizesFollowFromTheModel() throws {
        let spec = try decode(Self.training)
        guard case .train(let job) = spec, case .synthetic(let data) = job.dataset else {
            Issue.record("not a training on computed data")
            return
        }
        #expect(data.frames == 8 && data.count == 4000 && data.images.resolution == 32 && data.images.channels == 3)
        #expect(job.training.classDropoutProb == 0.1 && spec.cost != nil)
        #expect(try decode(spec.json.text) == spec)
    }

    @Test func sizesFollowFromTheData() throws {
        let text = """
            { "kind": "train", "model": { "architecture": "video_dit" },
              "dataset": { "format": "video_folder", "path": "films", "images": "stills", "frames": 6, "resolution": 64 },
              "training": { "steps": 10 } }
            """
        let spec = try decode(text)
        guard case .train(let job) = spec, let model = job.model.network as? VideoDiTConfiguration,
            case .videoFolder(let folder) = job.dataset
        else {
            Issue.record("not a training on videos")
            return
        }
        #expect(model.sampleFrames == 6 && model.sampleSize == 64 && folder.imageRatio == 0.2)
        #expect(spec.inputs.map(\.path) == ["films", "stills"])
        #expect(try decode(spec.json.text) == spec)
    }

    @Test func latentsHaveTheirOwnSize() throws {
        let text = Self.training.replacing(
            "\"sample_frames\": 8", with: "\"sample_frames\": 8, \"sample_size\": 16, \"in_channels\": 4"
        ).replacing("\"moving_shapes\"", with: "\"moving_shapes\", \"resolution\": 32").replacing(
            "\"name\": \"clips\",", with: "\"name\": \"clips\", \"autoencoder\": \"ae\",")
        let spec = try decode(text)
        guard case .train(let job) = spec else {
            Issue.record("not a training")
            return
        }
        #expect(job.dataset.frames == 8 && job.dataset.images?.resolution == 32 && !job.diffusion.scheduler.clipSample)
        #expect(try decode(spec.json.text) == spec)
        var autoencoder = AutoencoderKLConfiguration()
        autoencoder.blockOutChannels = [32, 64]
        #expect(job.mismatch(with: autoencoder) == nil)
        autoencoder.blockOutChannels = [32, 64, 64]
        #expect(job.mismatch(with: autoencoder)?.path == "$.model.sample_size")
        for (old, new, path) in [
            (", \"resolution\": 32", "", "$.dataset.resolution"),
            ("\"resolution\": 32", "\"resolution\": 24", "$.model.sample_size"),
            ("\"sample_size\": 16", "\"sample_size\": 18", "$.model.sample_size"),
        ] {
            let problems = try #require(throws: Problems.self) { try decode(text.replacing(old, with: new)) }
            #expect(problems.all.contains { $0.path == path && $0.remedy != nil }, "\(problems)")
        }
    }

    @Test(arguments: [
        ("\"num_embeds_ada_norm\": 3", "\"num_embeds_ada_norm\": 2", "$.model.num_embeds_ada_norm"),
        ("\"moving_shapes\"", "\"moving_shapes\", \"frames\": 6", "$.dataset.frames"),
        ("\"moving_shapes\"", "\"moving_shapes\", \"resolution\": 30", "$.dataset.resolution"),
        ("\"moving_shapes\"", "\"shapes\"", "$.model.architecture"),
        ("\"moving_shapes\"", "\"spiral\"", "$.model.architecture"),
        ("\"sample_frames\": 8", "\"sample_frames\": 8, \"patch_size_t\": 3", "$.model.patch_size_t"),
        ("\"sample_frames\": 8", "\"sample_frames\": 300", "$.model.max_frames"),
        ("\"sample_frames\": 8", "\"sample_frames\": 8, \"context_timestep\": 1000", "$.model.context_timestep"),
        (
            "\"sample_frames\": 8", "\"sample_frames\": 8, \"frame_noise\": \"shared\", \"context_timestep\": 9",
            "$.model.context_timestep"
        ),
        (
            "\"architecture\": \"video_dit\", \"num_embeds_ada_norm\": 3, \"sample_frames\": 8",
            "\"architecture\": \"dit\", \"in_channels\": 3, \"num_embeds_ada_norm\": 3", "$.model.architecture"
        ),
    ])
    func refusesTrainings(old: String, new: String, path: String) throws {
        let problems = try #require(throws: Problems.self) { try decode(Self.training.replacing(old, with: new)) }
        #expect(problems.all.contains { $0.path == path && $0.remedy != nil }, "\(problems)")
    }

    @Test func extensionsNameTheirInputs() throws {
        let text = Self.extending.replacing(
            "\"frames\": 20", with: "\"direction\": \"between\", \"to\": \"end.mp4\", \"frames\": 20")
        let spec = try decode(text)
        #expect(spec.inputs.map(\.path) == ["clip.mp4", "end.mp4"])
        #expect(try decode(spec.json.text) == spec)
        let moved = spec.mapInputs { input in "/films/\(input.path)" }
        #expect(moved.inputs.map(\.path) == ["/films/clip.mp4", "/films/end.mp4"])
    }

    @Test(arguments: [
        ("\"frames\": 20", "\"frames\": 0", "$.frames"),
        ("\"frames\": 20", "\"frames\": 20, \"direction\": \"between\"", "$.to"),
        ("\"frames\": 20", "\"frames\": 20, \"to\": \"end.mp4\"", "$.to"),
        ("\"frames\": 20", "\"frames\": 20, \"window_frames\": 4", "$.context_frames"),
        (
            "\"frames\": 20", "\"frames\": 20, \"direction\": \"between\", \"to\": \"b.mp4\", \"window_frames\": 9",
            "$.window_frames"
        ),
        ("\"frames\": 20", "\"frames\": 20, \"class_labels\": [1, 2]", "$.class_labels"),
        ("\"frames\": 20", "\"frames\": 20, \"batch_size\": 2", "$.batch_size"),
        ("\"frames\": 20", "\"frames\": 20, \"direction\": \"sideways\"", "$.direction"),
        ("\"video\": \"clip.mp4\", ", "", "$.video"),
    ])
    func refusesExtensions(old: String, new: String, path: String) throws {
        let problems = try #require(throws: Problems.self) { try decode(Self.extending.replacing(old, with: new)) }
        #expect(problems.all.map(\.path) == [path] && problems.all[0].remedy != nil, "\(problems)")
    }
}
