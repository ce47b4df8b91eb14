import Checkpoints
import Configurations
import DurableFiles
import Models
import NeuralNet
import Safetensors
import StrictJSON
import TensorCore
import TestSupport
import Testing
import Text

/// Single files written as directories of diffusers.
@Suite struct SingleFileDirectoryTests {
    private let device = Device(threads: 1)
    private let files = PosixFileSystem()
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func values(_ network: some Module, _ weights: Weights) throws -> [String: [Float]] {
        try weights.load(into: network)
        return Dictionary(uniqueKeysWithValues: network.parameters.map { ($0, $1.value.array()) })
    }

    private func index(_ path: String) throws -> JSONNode {
        try JSONNode.parse(files.read("\(path)/model_index.json", limit: 1 << 20))
    }

    @Test(arguments: ["sd1", "sd2", "xl", "refiner", "upscaler"]) func theSameWeightsUnderOtherNames(
        _ name: String
    ) throws {
        let file = try SingleFile(SingleFileTests.path(name))
        let path = directory("model")
        try file.publish(at: path, in: files)
        func unet(_ weights: Weights) throws -> [String: [Float]] {
            try values(ModelConfiguration(file.denoiser).makeModel(numTrainTimesteps: 1000, on: device), weights)
        }
        #expect(try unet(Weights("\(path)/unet")) == unet(file.weights()))
        let vae = try #require(file.autoencoder)
        let part = try AutoencoderPart(path)
        #expect(part.configuration == vae.configuration)
        func autoencoder(_ weights: Weights) throws -> [String: [Float]] {
            try values(AutoencoderKL(vae.configuration, on: device), weights)
        }
        #expect(try autoencoder(part.weights()) == autoencoder(vae.weights()))
        for encoder in file.textEncoders {
            func text(_ weights: Weights) throws -> [String: [Float]] {
                try values(encoder.configuration.makeNetwork(on: device), weights)
            }
            #expect(try text(Weights("\(path)/\(encoder.component)")) == text(encoder.weights()))
            let config = try CLIPTextConfiguration.read(
                config: files.read("\(path)/\(encoder.component)/config.json", limit: 1 << 20))
            #expect(config.configuration == encoder.configuration && config.warnings == [])
        }
        let scheduler = try SchedulerConfiguration.read(
            config: files.read("\(path)/scheduler/scheduler_config.json", limit: 1 << 20))
        #expect(scheduler.configuration == file.scheduler && scheduler.warnings == [])
    }

    /// Numbers are copied, not converted.
    @Test func typesStay() throws {
        let file = try SingleFile(SingleFileTests.path("sd2"))
        try file.publish(at: directory("model"), in: files)
        let unet = try SafetensorsFile(directory("model/unet/diffusion_pytorch_model.safetensors"))
        #expect(Set(unet.tensors.values.map(\.type)) == [.bfloat16])
        let text = try SafetensorsFile(directory("model/text_encoder/model.safetensors"))
        #expect(Set(text.tensors.values.map(\.type)) == [.float16])
        let original = try SafetensorsFile(SingleFileTests.path("sd2"))
        let joined = try original.bytes("cond_stage_model.model.transformer.resblocks.1.attn.in_proj_weight")
        let part = try text.bytes("text_model.encoder.layers.1.self_attn.k_proj.weight")
        #expect(Array(joined[part.count..<2 * part.count]) == part)
    }

    @Test func pipelinesByTheirClasses() throws {
        let expected = [
            "sd1": "StableDiffusionPipeline", "xl": "StableDiffusionXLPipeline",
            "refiner": "StableDiffusionXLImg2ImgPipeline", "upscaler": "StableDiffusionUpscalePipeline",
        ]
        for (name, className) in expected {
            let path = directory(name)
            try SingleFile(SingleFileTests.path(name)).publish(at: path, in: files)
            #expect(try index(path)["_class_name"]?.string == className)
        }
        let sd1 = try index(directory("sd1"))
        #expect(sd1["text_encoder"] == ["transformers", "CLIPTextModel"])
        #expect(sd1["tokenizer"] == ["transformers", "CLIPTokenizer"] && sd1["safety_checker"] == [.null, .null])
        let refiner = try index(directory("refiner"))
        #expect(refiner["text_encoder"] == [.null, .null] && refiner["requires_aesthetics_score"] == true)
        #expect(refiner["text_encoder_2"] == ["transformers", "CLIPTextModelWithProjection"])
        #expect(try index(directory("upscaler"))["low_res_scheduler"] == ["diffusers", "DDPMScheduler"])
    }

    @Test(arguments: BytePairTokenizer.Padding.allCases) func tokenizers(_ padding: BytePairTokenizer.Padding) throws {
        for (name, text) in CLIPVocabulary(padding: padding).files {
            try files.writeAtomically(Array(text.utf8), to: directory(name))
        }
        let (read, own) = (try BytePairTokenizer(directory: directory.path), CLIPVocabulary(padding: padding).tokenizer)
        #expect(read.vocabularySize == own.vocabularySize && read.padding == own.padding)
        #expect(read.beginning == own.beginning && read.end == own.end && read.maximumLength == own.maximumLength)
        for text in ["A red barn, in snow!", "caf\u{e9} \u{1F600} <|endoftext|> hi!there", "it's 1234\u{3000}\u{7}"] {
            #expect(read.ids(of: text) == own.ids(of: text))
        }
    }
}
