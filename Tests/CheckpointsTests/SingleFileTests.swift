import Checkpoints
import Configurations
import DurableFiles
import Models
import NeuralNet
import Problems
import StrictJSON
import TensorCore
import TestSupport
import Testing
import Text

/// Whole models in one file. The fixtures' names were checked with diffusers' own converters.
@Suite struct SingleFileTests {
    let device = Device(threads: 1)
    let fixture: Fixture

    init() throws { fixture = try Fixture("single_files") }

    static func path(_ name: String) -> String { Fixture.path("single_files/\(name).safetensors") }

    /// Whether a network, loaded, is bit for bit the one that the file was made from.
    private func expect(_ network: some Module, _ weights: Weights, is name: String) throws {
        let members = try #require(fixture[name].options["tensors"]?.members)
        let expected = Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0.node.string) })
        try weights.load(into: network)
        let parameters = network.parameters
        #expect(Set(parameters.map(\.name)) == Set(expected.keys), "\(name)")
        for (parameter, value) in parameters {
            let bytes = value.inFileOrder(value.value).array()
            let digest = try SHA256.digest(of: bytes.span.bytes).description
            #expect(String(digest.prefix(12)) == expected[parameter], "\(name): \(parameter)")
        }
    }

    /// The keys whose values differ.
    private func differences(_ a: some NetworkConfiguration, _ b: some NetworkConfiguration) -> [String] {
        let members = a.className == b.className ? a.configJSON.members ?? [] : []
        return members.filter { $0.node != b.configJSON[$0.name] }.map(\.name)
            + (members.count == b.configJSON.members?.count ? [] : ["class"])
    }

    /// The configuration that a part was made with.
    private func configuration<Network: NetworkConfiguration>(
        _ name: String, as className: String? = nil
    ) throws -> Network {
        var report = Report()
        let node = try #require(fixture[name].options["config"])
        let found = Network.read(config: node, of: className ?? Network.classNames[0], into: &report)
        try report.check()
        return try #require(found)
    }

    @Test(arguments: ["sd1", "sd2", "xl", "refiner", "upscaler"]) func everyPartIsWhatTheFileWasMadeFrom(
        _ name: String
    ) throws {
        let file = try SingleFile(Self.path(name))
        let unet: UNet2DConditionConfiguration = try configuration("\(name)_unet")
        #expect(differences(file.denoiser, unet) == [])
        let denoiser = ModelConfiguration(file.denoiser).makeModel(numTrainTimesteps: 1000, on: device)
        try expect(denoiser, file.weights(), is: "\(name)_unet")

        let autoencoder = try #require(file.autoencoder)
        let vae: AutoencoderKLConfiguration = try configuration("\(name)_vae")
        #expect(differences(autoencoder.configuration, vae) == [])
        try expect(AutoencoderKL(vae, on: device), autoencoder.weights(), is: "\(name)_vae")

        for encoder in file.textEncoders {
            let part = "\(name)_\(encoder.component)"
            let text: CLIPTextConfiguration = try configuration(
                part, as: CLIPTextConfiguration.classNames[encoder.component == "text_encoder_2" ? 1 : 0])
            #expect(differences(encoder.configuration, text) == [])
            try expect(text.makeNetwork(on: device), encoder.weights(), is: part)
        }
    }

    @Test func familiesAndWhatFollowsFromThem() throws {
        func open(_ name: String) throws -> SingleFile { try SingleFile(Self.path(name)) }
        let (sd1, sd2, xl) = (try open("sd1"), try open("sd2"), try open("xl"))
        #expect(sd1.family == .stableDiffusion1 && sd2.family == .stableDiffusion2 && xl.family == .stableDiffusionXL)
        let (refiner, upscaler) = (try open("refiner"), try open("upscaler"))
        #expect(refiner.family == .stableDiffusionXLRefiner && upscaler.family == .upscaler)
        let padding = { (file: SingleFile) in file.textEncoders.map(\.padding) }
        #expect(padding(sd1) == [.end] && padding(sd2) == [.exclamationMark])
        #expect(padding(xl) == [.end, .exclamationMark] && padding(refiner) == [.exclamationMark])
        #expect(xl.textEncoders.map(\.component) == ["text_encoder", "text_encoder_2"])
        #expect(refiner.textEncoders.map(\.component) == ["text_encoder_2"])
        #expect(sd1.scheduler.sampler == .pndm && sd1.scheduler.predictionType == .epsilon)
        #expect(sd2.scheduler.sampler == .ddim && sd2.scheduler.predictionType == .vPrediction)
        #expect(xl.scheduler.sampler == .euler && xl.scheduler.predictionType == .epsilon)
        #expect(upscaler.scheduler.predictionType == .vPrediction && upscaler.scheduler.betaEnd == 0.02)
        #expect(sd2.warnings.contains { $0.message.contains("predicts v") && $0.remedy?.contains("epsilon") == true })
        #expect(sd1.warnings.contains { $0.message.contains("model_ema.") && $0.remedy?.contains("ema") == true })
    }

    @Test func schedulersAreThoseOfThePublishedDirectories() throws {
        let stableDiffusion1 = """
            {"_class_name": "PNDMScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
            "num_train_timesteps": 1000, "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1}
            """
        let xl = """
            {"_class_name": "EulerDiscreteScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
            "interpolation_type": "linear", "num_train_timesteps": 1000, "prediction_type": "epsilon", "steps_offset": 1,
            "timestep_spacing": "leading", "use_karras_sigmas": false}
            """
        for (name, text) in [("sd1", stableDiffusion1), ("xl", xl)] {
            let published = try SchedulerConfiguration.read(config: Array(text.utf8)).configuration
            #expect(try SingleFile(Self.path(name)).scheduler == published)
        }
    }

    @Test func theAverageWhereItIsAskedFor() throws {
        let file = try SingleFile(Self.path("sd1"), variant: "ema")
        let denoiser = ModelConfiguration(file.denoiser).makeModel(numTrainTimesteps: 1000, on: device)
        try expect(denoiser, file.weights(), is: "sd1_unet_ema")
        #expect(!file.warnings.contains { $0.message.contains("left out") })
        #expect(try SingleFile(Self.path("sd1"), variant: "non_ema").denoiser == file.denoiser)
        for (name, variant) in [("sd2", "ema"), ("sd1", "fp16")] {
            let problem = try #require(throws: Problem.self) { try SingleFile(Self.path(name), variant: variant) }
            #expect(problem.code == .missing && problem.remedy?.contains("Remove \"variant\"") == true)
        }
    }

    @Test func predictionIsTheJobsBeforeAllMarks() throws {
        let sd2 = try SingleFile(Self.path("sd2"), predictionType: .epsilon)
        #expect(sd2.scheduler.predictionType == .epsilon && sd2.scheduler.sampler == .pndm)
        #expect(sd2.denoiser.sampleSize == ImageSize(64))
        #expect(!sd2.warnings.contains { $0.message.contains("predicts v") })
        let xl = try SingleFile(Self.path("xl"), predictionType: .vPrediction)
        #expect(xl.scheduler.predictionType == .vPrediction)
    }
}
