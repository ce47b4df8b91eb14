import Checkpoints
import Configurations
import DurableFiles
import Models
import NeuralNet
import Problems
import Safetensors
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// Directories that are no model, or not a whole one: each is told with file, name and remedy, and nothing is half-loaded.
@Suite struct DamagedPipelineTests {
    let device = Device(threads: 1)
    let files = PosixFileSystem()
    let directory: TemporaryDirectory
    let weights: String

    /// A copy of a good directory.
    init() throws {
        directory = try TemporaryDirectory()
        weights = directory("unet/diffusion_pytorch_model.safetensors")
        for name in ["unet", "scheduler"] { try files.createDirectory(directory(name), mode: 0o777) }
        for name in [
            "model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors",
            "scheduler/scheduler_config.json",
        ] {
            let source = Path.join(Fixture.path("pipeline_ddpm"), name)
            try files.writeAtomically(files.read(source, limit: 1 << 20), to: directory(name))
        }
    }

    private func write(_ text: String, to name: String) throws {
        try files.writeAtomically(Array(text.utf8), to: directory(name))
    }

    /// The problems with which opening fails, or loading, which must leave the model as it was.
    private func problems() throws -> [Problem] {
        do {
            let opened = try Pipeline(directory.path)
            let model = opened.configuration.makeModel(numTrainTimesteps: 1000, on: device)
            model.initialize(seed: 5)
            let before = model.parameters.map { $0.parameter.value.array() }
            do {
                try opened.weights().load(into: model)
                Issue.record("the directory loads")
                return []
            } catch {
                #expect(model.parameters.map { $0.parameter.value.array() } == before)
                throw error
            }
        } catch let problem as Problem {
            return [problem]
        } catch let problems as Problems {
            return problems.all
        }
    }

    /// Expects one problem that names all of `words`.
    private func expectProblem(
        _ code: Problem.Code, in file: String, _ words: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let problems = try problems()
        #expect(problems.count == 1, sourceLocation: sourceLocation)
        guard let problem = problems.first else { return }
        #expect(problem.code == code, "\(problem)", sourceLocation: sourceLocation)
        #expect(problem.file == directory(file), "\(problem)", sourceLocation: sourceLocation)
        #expect(problem.remedy?.isEmpty == false, "\(problem)", sourceLocation: sourceLocation)
        for word in words { #expect(problem.message.contains(word), "\(problem)", sourceLocation: sourceLocation) }
    }

    /// Writes the good weights again, changed.
    private func rewrite(
        _ change: (_ name: String, _ shape: [Int], _ values: [Float]) -> [(String, [Int], [Float])]
    ) throws {
        let file = try SafetensorsFile(weights)
        let tensors = try file.names.flatMap { name in
            change(name, try file.info(name).shape, try file.floats(name))
        }
        var writer = try SafetensorsWriter(weights, tensors.map { .init($0.0, $0.1) }, in: files)
        for (name, _, values) in tensors { try writer.write(name, values) }
        try writer.commit()
    }

    // MARK: - The pipeline

    @Test func noSuchDirectory() throws {
        let problem = #expect(throws: Problem.self) { try Pipeline(directory("elsewhere")) }
        #expect(problem?.code == .missing)
        #expect(problem?.message.contains(directory("elsewhere")) == true)
    }

    @Test func missingIndex() throws {
        try files.removeFile(directory("model_index.json"))
        try expectProblem(.missing, in: "model_index.json", "no model_index.json", directory.path)
    }

    @Test func indexThatIsNoJSON() throws {
        try write("{\"unet\": [\"diffusers\"", to: "model_index.json")
        #expect(try problems().first?.file == directory("model_index.json"))
    }

    @Test func emptyIndex() throws {
        try write("{}", to: "model_index.json")
        try expectProblem(.unsupported, in: "model_index.json", "nothing")
    }

    @Test func pipelineOfUnknownParts() throws {
        try write(
            """
            {"_class_name": "PixArtAlphaPipeline", "_diffusers_version": "0.42.1",
             "scheduler": ["diffusers", "DPMSolverMultistepScheduler"],
             "text_encoder": ["transformers", "T5EncoderModel"], "tokenizer": ["transformers", "T5Tokenizer"],
             "transformer": ["diffusers", "PixArtTransformer2DModel"], "vae": ["diffusers", "AutoencoderKL"]}
            """, to: "model_index.json")
        try expectProblem(
            .unsupported, in: "model_index.json", "PixArtAlphaPipeline", "T5EncoderModel", "PixArtTransformer2DModel")
    }

    /// A part that the index names is looked for before anything is drawn.
    @Test func textPipelineWithoutAPart() throws {
        try write(
            """
            {"_class_name": "StableDiffusionPipeline", "scheduler": ["diffusers", "DDPMScheduler"],
             "text_encoder": [null, null], "tokenizer": [null, null],
             "unet": ["diffusers", "UNet2DModel"], "vae": [null, null]}
            """, to: "model_index.json")
        try expectProblem(.unsupported, in: "model_index.json", "StableDiffusionPipeline")
    }

    /// Its network is one that diffd knows, but what it makes are latents.
    @Test func latentPipeline() throws {
        try write(
            """
            {"_class_name": "LDMPipeline", "scheduler": ["diffusers", "DDIMScheduler"],
             "unet": ["diffusers", "UNet2DModel"], "vqvae": ["diffusers", "VQModel"]}
            """, to: "model_index.json")
        try expectProblem(.unsupported, in: "model_index.json", "LDMPipeline", "VQModel")
    }

    @Test func singleAutoencoder() throws {
        try files.removeFile(directory("model_index.json"))
        try write("{\"_class_name\": \"AutoencoderKL\", \"latent_channels\": 4}", to: "config.json")
        try expectProblem(.unsupported, in: "config.json", "AutoencoderKL")
    }

    @Test func unknownModelClass() throws {
        try write("{\"_class_name\": \"UNet3D\"}", to: "unet/config.json")
        try expectProblem(.unsupported, in: "unet/config.json", "UNet3D")
    }

    @Test func unknownSchedulerClass() throws {
        try write("{\"_class_name\": \"KarrasVeScheduler\"}", to: "scheduler/scheduler_config.json")
        try expectProblem(.unsupported, in: "scheduler/scheduler_config.json", "KarrasVeScheduler")
    }

    @Test func missingConfigurations() throws {
        for name in ["scheduler/scheduler_config.json", "unet/config.json"] {
            try files.removeFile(directory(name))
            let problem = try #require(try problems().first)
            #expect(problem.code == .missing)
            #expect("\(problem)".contains(directory(name)))
        }
    }

    @Test func unknownKeyIsAWarning() throws {
        try write(
            "{\"_class_name\": \"DDPMScheduler\", \"from_the_future\": 1}", to: "scheduler/scheduler_config.json")
        let warnings = try Pipeline(directory.path).warnings
        #expect(warnings.count == 1)
        #expect(warnings.first?.message.contains("from_the_future") == true)
        #expect(warnings.first?.file == directory("scheduler/scheduler_config.json"))
    }

    // MARK: - The weights

    private let file = "unet/diffusion_pytorch_model.safetensors"

    @Test func missingWeights() throws {
        try files.removeFile(weights)
        try expectProblem(.missing, in: file, "no weights")
    }

    @Test func missingTensor() throws {
        try rewrite { $0 == "conv_in.bias" ? [] : [($0, $1, $2)] }
        try expectProblem(.corrupt, in: file, "conv_in.bias is missing")
    }

    @Test func extraTensor() throws {
        try rewrite { $0 == "conv_in.bias" ? [($0, $1, $2), ("conv_in.ema", $1, $2)] : [($0, $1, $2)] }
        try expectProblem(.corrupt, in: file, "conv_in.ema")
    }

    @Test func misshapenTensor() throws {
        try rewrite { $0 == "conv_in.weight" ? [($0, [4, 3 * 3 * 3], $2)] : [($0, $1, $2)] }
        try expectProblem(.corrupt, in: file, "conv_in.weight", "[4, 27]", "[4, 3, 3, 3]")
    }

    @Test func tensorThatIsThereTwice() throws {
        let (old, new) = ("mid_block.attentions.0.query.weight", "mid_block.attentions.0.to_q.weight")
        try rewrite { $0 == new ? [($0, $1, $2), (old, $1, $2)] : [($0, $1, $2)] }
        try expectProblem(.corrupt, in: file, new, "twice")
    }

    @Test func everythingThatIsWrongIsToldAtOnce() throws {
        try rewrite { name, shape, values in
            switch name {
            case "conv_in.bias": []
            case "conv_out.bias": [("conv_out.bias", [1] + shape, values), ("other", shape, values)]
            default: [(name, shape, values)]
            }
        }
        let problems = try problems()
        #expect(problems.count == 3)
        for word in ["conv_in.bias", "conv_out.bias", "other"] {
            #expect(problems.contains { $0.message.contains(word) })
        }
    }

    @Test func integersAreNoWeights() throws {
        let bytes = try files.read(weights, limit: 1 << 20)
        let header = String(decoding: bytes[8...].prefix { $0 != UInt8(ascii: "\0") }, as: UTF8.self)
        let place = try #require(header.firstRange(of: "\"F32\""))
        let offset = 8 + header.utf8.distance(from: header.startIndex, to: place.lowerBound) + 1
        var changed = bytes
        changed[offset] = UInt8(ascii: "I")
        try files.writeAtomically(changed, to: weights)
        try expectProblem(.corrupt, in: file, "I32")
    }

    @Test func truncatedWeights() throws {
        let bytes = try files.read(weights, limit: 1 << 20)
        for count in [0, 4, 100, bytes.count / 2, bytes.count - 1] {
            try files.writeAtomically(Array(bytes.prefix(count)), to: weights)
            try expectProblem(.corrupt, in: file)
        }
    }

    @Test(arguments: ["../x.safetensors", "/etc/passwd", "..", ""])
    func shardIndexThatLeavesTheDirectory(_ name: String) throws {
        try files.removeFile(weights)
        let index = "unet/diffusion_pytorch_model.safetensors.index.json"
        try write("{\"metadata\": {},\n \"weight_map\": {\"conv_in.bias\": \"\(name)\"}}", to: index)
        try expectProblem(.corrupt, in: index, "conv_in.bias")
        #expect(try problems().first?.line == 2)
    }

    @Test func shardIndexWithoutMap() throws {
        try files.removeFile(weights)
        let index = "unet/diffusion_pytorch_model.safetensors.index.json"
        try write("{\"metadata\": {}}", to: index)
        try expectProblem(.corrupt, in: index, "weight_map")
    }

    @Test func missingShard() throws {
        try files.removeFile(weights)
        try write(
            "{\"weight_map\": {\"conv_in.bias\": \"diffusion_pytorch_model-00001-of-00001.safetensors\"}}",
            to: "unet/diffusion_pytorch_model.safetensors.index.json")
        let problem = try #require(try problems().first)
        #expect(problem.code == .missing)
        #expect("\(problem)".contains("diffusion_pytorch_model-00001-of-00001.safetensors"))
    }
}
