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

/// Files as they are found, and files of other things: each made from a good one.
@Suite struct SingleFileFormsTests {
    private let device = Device(threads: 1)
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private typealias Tensor = (name: String, shape: [Int], values: [Float])
    private static let unet = "model.diffusion_model."

    /// The tensors of a fixture, but for those of integers.
    private func tensors(_ name: String) throws -> [Tensor] {
        let file = try SafetensorsFile(SingleFileTests.path(name))
        return try file.names.compactMap { name in
            let info = try file.info(name)
            return info.type == .int64 ? nil : (name, info.shape, try file.floats(name))
        }
    }

    private func write(_ tensors: [Tensor], metadata: [String: String] = [:]) throws -> String {
        let path = directory("model.safetensors")
        var writer = try SafetensorsWriter(
            path, tensors.map { .init($0.name, $0.shape) }, metadata: metadata, in: PosixFileSystem())
        for tensor in tensors { try writer.write(tensor.name, tensor.values) }
        try writer.commit()
        return path
    }

    /// Tensors of zeros.
    private func zeros(_ shapes: [String: [Int]]) -> [Tensor] {
        shapes.sorted { $0.key < $1.key }.map {
            ($0.key, $0.value, [Float](repeating: 0, count: $0.value.reduce(1, *)))
        }
    }

    private func problem(_ tensors: [Tensor], metadata: [String: String] = [:]) throws -> Problem {
        let path = try write(tensors, metadata: metadata)
        return try #require(throws: Problem.self) { try SingleFile(path) }
    }

    /// A U-Net with its weights, parameter by parameter.
    private func unet(_ file: SingleFile) throws -> [String: [Float]] {
        let model = ModelConfiguration(file.denoiser).makeModel(numTrainTimesteps: 1000, on: device)
        try file.weights().load(into: model)
        return Dictionary(uniqueKeysWithValues: model.parameters.map { ($0, $1.value.array()) })
    }

    // MARK: - Forms of the same

    @Test func textEncodersWithoutTheModelWithinTheModel() throws {
        let renamed = try tensors("sd1").map {
            (
                name: $0.name.replacing("transformer.text_model.", with: "transformer."), shape: $0.shape,
                values: $0.values
            )
        }
        let file = try SingleFile(write(renamed))
        let original = try SingleFile(SingleFileTests.path("sd1"))
        #expect(file.textEncoders.map(\.configuration) == original.textEncoders.map(\.configuration))
        let text = file.textEncoders[0].configuration.makeNetwork(on: device)
        try file.textEncoders[0].weights().load(into: text)
        #expect(text.parameters.count == 16 * 2 + 4)
    }

    /// Files that were made from a diffusers directory have no last block to leave out.
    @Test func openCLIPWithoutItsLastBlock() throws {
        let cut = try tensors("sd2").filter {
            !$0.name.contains("resblocks.2.") && !$0.name.contains("text_projection")
        }
        let file = try SingleFile(write(cut))
        #expect(
            try file.textEncoders[0].configuration
                == SingleFile(SingleFileTests.path("sd2")).textEncoders[0].configuration)
    }

    @Test func projectionsThatAreNotTransposed() throws {
        let turned = try tensors("xl").map { tensor -> Tensor in
            guard tensor.name.hasSuffix("text_projection") else { return tensor }
            let (rows, columns) = (tensor.shape[0], tensor.shape[1])
            let values = (0..<rows * columns).map { tensor.values[$0 % rows * columns + $0 / rows] }
            return (tensor.name + ".weight", [columns, rows], values)
        }
        func projection(_ path: String) throws -> [Float] {
            let encoder = try SingleFile(path).textEncoders[1]
            let network = encoder.configuration.makeNetwork(on: device)
            try encoder.weights().load(into: network)
            return try #require(network.parameters.first { $0.name == "text_projection.weight" }).parameter.value
                .array()
        }
        #expect(try projection(write(turned)) == projection(SingleFileTests.path("xl")))
    }

    @Test func inpaintingModelsOfEachFamily() throws {
        for (name, family) in [
            ("sd1", ModelFamily.stableDiffusion1), ("sd2", .stableDiffusion2), ("xl", .stableDiffusionXL),
        ] {
            let widened = try tensors(name).map { tensor -> Tensor in
                guard tensor.name == Self.unet + "input_blocks.0.0.weight" else { return tensor }
                return (tensor.name, [8, 9, 3, 3], [Float](repeating: 0.5, count: 8 * 9 * 9))
            }
            let file = try SingleFile(write(widened))
            #expect(file.family == family && file.denoiser.inChannels == 9 && file.denoiser.outChannels == 4)
            #expect(file.scheduler.predictionType == .epsilon && file.denoiser.joinedChannels == 5)
            #expect(try unet(file)["conv_in.weight"]?.count == 8 * 9 * 9)
        }
    }

    @Test func marksOfWhatIsPredicted() throws {
        let marked = try SingleFile(write(tensors("xl") + zeros(["v_pred": [0], "ztsnr": [0]])))
        #expect(marked.scheduler.predictionType == .vPrediction && marked.scheduler.rescaleBetasZeroSNR)
        #expect(!marked.warnings.contains { $0.message.contains("left out") })
        for (key, value, expected) in [
            ("modelspec.prediction_type", "v", SchedulerConfiguration.PredictionType.vPrediction),
            ("modelspec.prediction_type", "epsilon", .epsilon),
            ("modelspec.architecture", "stable-diffusion-v2-512", .epsilon),
            ("modelspec.architecture", "stable-diffusion-v2-768-v", .vPrediction),
        ] {
            let file = try SingleFile(write(tensors("sd2"), metadata: [key: value]))
            #expect(file.scheduler.predictionType == expected)
            #expect(!file.warnings.contains { $0.message.contains("predicts v") })
        }
    }

    // MARK: - What is missing or too much

    @Test func partsThatAreMissingAreNamed() throws {
        let noText = try problem(tensors("xl").filter { !$0.name.contains("embedders.1") })
        #expect(noText.code == .missing && noText.message.contains("text_encoder_2 (conditioner.embedders.1.model)"))
        let withoutAutoencoder = try tensors("sd1").filter { !$0.name.hasPrefix("first_stage_model.") }
        let noAutoencoder = try problem(withoutAutoencoder)
        #expect(noAutoencoder.message.contains("an autoencoder"))
        #expect(noAutoencoder.remedy?.contains("\"autoencoder\"") == true)
        #expect(try SingleFile(directory("model.safetensors"), needsAutoencoder: false).autoencoder == nil)
        let onlyUNet = try problem(tensors("sd1").filter { $0.name.hasPrefix(Self.unet) })
        #expect(onlyUNet.message.contains("an autoencoder") && onlyUNet.message.contains("text_encoder"))
    }

    @Test func anAutoencoderByItself() throws {
        let prefix = "first_stage_model."
        let whole = try #require(try SingleFile(SingleFileTests.path("sd1")).autoencoder)
        let own = try tensors("sd1").filter { $0.name.hasPrefix(prefix) }
            .map { (String($0.name.dropFirst(prefix.count)), $0.shape, $0.values) }
        let path = try write(own + zeros(["loss.logvar": [1]]))
        let alone = try AutoencoderPart(path, scalingFactor: 0.13025)
        #expect(alone.configuration.scalingFactor == 0.13025 && alone.warnings.isEmpty)
        #expect(alone.configuration.blockOutChannels == whole.configuration.blockOutChannels)
        let (found, expected) = (try alone.autoencoder(on: device), try whole.autoencoder(on: device))
        for (a, b) in zip(found.parameters, expected.parameters) {
            #expect(a.name == b.name && a.parameter.value.array() == b.parameter.value.array())
        }
        // What was trained with it tells the scale; where nothing does, that is said.
        #expect(try AutoencoderPart(path).warnings.map(\.message).first?.contains("0.18215") == true)
        let other = try write(tensors("sd1").filter { $0.name.hasPrefix(Self.unet) })
        let problem = try #require(throws: Problem.self) { try AutoencoderPart(other) }
        #expect(problem.code == .unsupported && problem.message.contains("autoencoder"))
    }

    @Test func tensorsThatBelongToNothing() throws {
        let stray = Self.unet + "input_blocks.1.0.in_layers.7.weight"
        let file = try SingleFile(write(tensors("sd2") + zeros([stray: [2]])))
        let found = try #require(throws: Problems.self) { _ = try unet(file) }
        #expect(found.all.map(\.message) == ["tensor \(stray) belongs to no parameter of this model"])
        let beside = try SingleFile(write(tensors("sd2") + zeros(["control.weight": [2]])))
        #expect(beside.warnings.contains { $0.message.contains("1 tensors") && $0.message.contains("control.weight") })
        _ = try unet(beside)
    }

    @Test func missingTensorsAreNamedAsTheFileWouldHaveThem() throws {
        let name = Self.unet + "output_blocks.4.1.norm.bias"
        let file = try SingleFile(write(tensors("sd1").filter { $0.name != name }))
        let found = try #require(throws: Problems.self) { _ = try unet(file) }
        #expect(found.all.count == 1 && found.all[0].message.contains(name))
        #expect(found.all[0].message.contains("up_blocks.1.attentions.1.norm.bias is missing"))
    }

    // MARK: - Other things

    @Test(
        arguments: [
            ("a LoRA", ["lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": [4, 8]]),
            ("a LoRA", ["unet.down_blocks.0.attentions.0.to_q.lora_A.weight": [4, 8]]),
            ("a ControlNet", ["control_model.time_embed.0.weight": [4, 8]]),
            ("a ControlNet", ["controlnet_cond_embedding.conv_in.weight": [4, 3, 3, 3]]),
            ("an autoencoder alone", ["first_stage_model.decoder.conv_in.weight": [4, 3, 3, 3]]),
            ("an autoencoder alone", ["decoder.up.0.block.0.conv1.weight": [4, 3, 3, 3]]),
            (
                "an autoencoder alone, under diffusers' names",
                ["decoder.up_blocks.0.resnets.0.conv1.weight": [4, 4, 3, 3]]
            ),
            ("a U-Net alone, under diffusers' names", ["down_blocks.0.resnets.0.conv1.weight": [4, 4, 3, 3]]),
            ("a U-Net alone", ["input_blocks.0.0.weight": [4, 4, 3, 3]]),
            ("a text encoder alone", ["text_model.encoder.layers.0.mlp.fc1.weight": [4, 4]]),
            ("an embedding", ["emb_params": [2, 768]]), ("an embedding", ["clip_l": [1, 768], "clip_g": [1, 1280]]),
            ("Stable Diffusion 3", ["model.diffusion_model.joint_blocks.0.x_block.attn.proj.weight": [4, 4]]),
            ("Flux", ["double_blocks.0.img_attn.proj.weight": [4, 4]]),
            ("a transformer alone", ["transformer_blocks.0.attn1.to_q.weight": [4, 4]]),
            ("a motion module", ["down_blocks.0.motion_modules.0.temporal_transformer.norm.weight": [4]]),
            ("quantized weights", ["model.diffusion_model.input_blocks.1.1.proj_in.scale_weight": [1]]),
            ("of no known model", ["a.weight": [2, 2, 2], "b.weight": [2]]),
        ] as [(String, [String: [Int]])]) func otherFilesAreNamed(_ what: String, _ shapes: [String: [Int]]) throws
    {
        let found = try problem(zeros(shapes))
        #expect(found.code == .unsupported && found.message.contains(what), "\(found)")
        #expect(shapes.keys.contains { found.message.contains($0.split(separator: ".")[0]) }, "\(found)")
        #expect(found.remedy?.contains("Stable Diffusion 1.x") == true)
    }

    @Test func familiesThatAreNotSupported() throws {
        let good = try tensors("sd1")
        for (channels, what) in [(8, "InstructPix2Pix"), (5, "depth"), (6, "2 channels")] {
            let other = good.map { tensor -> Tensor in
                guard tensor.name == Self.unet + "input_blocks.0.0.weight" else { return tensor }
                return (tensor.name, [8, channels, 3, 3], [Float](repeating: 0, count: 8 * channels * 9))
            }
            #expect(try problem(other).message.contains(what))
        }
        let xl = try tensors("xl")
        #expect(try problem(xl + zeros(["edm_vpred.sigma_max": [1]])).message.contains("CosXL"))
        #expect(try problem(xl + zeros(["edm_mean": [4]])).message.contains("Playground"))
        #expect(try problem(xl.filter { !$0.name.contains("middle_block.1") }).message.contains("SSD-1B"))
        let unclip = try tensors("sd2") + zeros([Self.unet + "label_emb.0.0.weight": [4, 2048]])
        #expect(try problem(unclip).message.contains("unCLIP"))
    }

    @Test(arguments: [
        ("GGUF\u{3}\0\0\0", "GGUF"), ("PK\u{3}\u{4}archive/data.pkl", "PyTorch"),
        ("version https://git-lfs.github.com/spec/v1\n", "Git LFS"), ("<!DOCTYPE html><html>", "web page"),
    ]) func otherFormats(_ start: String, _ what: String) throws {
        let path = directory("model.safetensors")
        try PosixFileSystem().writeAtomically(Array(start.utf8) + [UInt8](repeating: 0, count: 100), to: path)
        let problem = try #require(throws: Problem.self) { try SingleFile(path) }
        #expect(problem.code == .unsupported && problem.message.contains(what))
    }

    // MARK: - Damage

    @Test func whatEndsBeforeItsEnd() throws {
        let bytes = try PosixFileSystem().read(SingleFileTests.path("sd1"), limit: 1 << 22)
        let path = directory("model.safetensors")
        for count in [0, 7, 8, 5000, bytes.count - 1] {
            try PosixFileSystem().writeAtomically(Array(bytes.prefix(count)), to: path)
            let problem = try #require(throws: Problem.self) { try SingleFile(path) }
            #expect(problem.code == .corrupt && problem.file == path)
        }
    }

    /// A header may say anything of sizes; what follows from it must still be told, and never trap.
    @Test(arguments: [
        [0, 0, 0, 0], [0, 4, 3, 3], [8, 0, 3, 3], [1 << 62, 0, 3, 3], [0, 1 << 62, 1 << 62, 1 << 62], [8, 4, 2, 2], [8],
        [],
        [7, 4, 3, 3], [1, 1, 1, 1, 1, 1, 1, 1],
    ]) func absurdShapes(_ shape: [Int]) throws {
        let good = try tensors("sd2")
        let ends = [
            "input_blocks.0.0.weight", "out.2.weight", "input_blocks.1.0.out_layers.3.weight", "time_embed.0.weight",
        ]
        let others = [
            "middle_block.1.transformer_blocks.0.attn2.to_k.weight", "middle_block.1.proj_in.weight",
            "input_blocks.1.1.transformer_blocks.0.attn1.to_k.weight",
        ]
        let names =
            (ends + others).map { Self.unet + $0 } + [
                "first_stage_model.encoder.conv_in.weight", "first_stage_model.encoder.down.0.block.0.conv2.weight",
                "first_stage_model.decoder.conv_in.weight", "cond_stage_model.model.positional_embedding",
                "cond_stage_model.model.token_embedding.weight",
                "cond_stage_model.model.transformer.resblocks.0.mlp.c_fc.weight",
            ]
        for name in names {
            let path = try write(
                good.map { tensor in
                    guard tensor.name == name else { return tensor }
                    return (name, shape, [Float](repeating: 0, count: shape.contains(0) ? 0 : shape.reduce(1, *)))
                })
            do {
                let file = try SingleFile(path)
                _ = try unet(file)
                let autoencoder = try #require(file.autoencoder)
                try autoencoder.weights().check(for: AutoencoderKL(autoencoder.configuration, on: .rehearsal()))
                let text = file.textEncoders[0]
                try text.weights().check(for: text.configuration.makeNetwork(on: .rehearsal()))
                Issue.record("\(name) \(shape) opens")
            } catch let problem as Problem {
                #expect(problem.code != .internal, "\(problem)")
            } catch let problems as Problems {
                #expect(!problems.all.isEmpty)
            }
        }
    }
}
