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

/// Diffusion transformers under the names of the paper's own code.
@Suite struct DiTDirectoryTests {
    let device = Device(threads: 2)
    let files = PosixFileSystem()
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private typealias Tensors = [String: Fixture.Tensor]

    /// Writes weights, and opens them with a network of the fixture's configuration.
    private func load(_ tensors: Tensors) throws -> DiT {
        let names = tensors.keys.sorted()
        var writer = try SafetensorsWriter(
            directory(Weights.fileName), names.map { .init($0, tensors[$0]?.shape ?? []) }, in: files)
        for name in names { try writer.write(name, tensors[name]?.values ?? []) }
        try writer.commit()

        var c = DiTConfiguration()
        (c.numAttentionHeads, c.attentionHeadDim, c.numLayers, c.numEmbedsAdaNorm) = (2, 4, 2, 5)
        (c.inChannels, c.outChannels, c.sampleSize, c.freqShift, c.normEps) = (3, 6, 8, 0, 1e-6)
        let model = DiT(c, on: device)
        try Weights(directory.path).load(into: model)
        return model
    }

    private func message(_ tensors: Tensors) throws -> String {
        do { _ = try load(tensors) } catch let problem as Problem { return problem.message } catch let problems
            as Problems
        {
            return problems.all.map(\.message).joined(separator: "; ")
        }
        Issue.record("the weights load")
        return ""
    }

    @Test func weightsOfThePaperGiveItsNetwork() throws {
        let test = try Fixture("models_dit_paper")["base"]
        let model = try load(test.tensors(under: "weights."))
        let labels = try #require(test.options["class_labels"]?.elements).map { $0.integer ?? -1 }
        let timesteps = try #require(test.options["timesteps"]?.elements).map { Float($0.number ?? .nan) }
        let output = model(
            try test.tensor("sample", on: device), timesteps: timesteps, condition: Condition(classes: labels))
        #expect(relativeError(output, try test.tensor("output", on: device)) < 1e-5)
    }

    @Test func whatIsMissingOrTooMuchIsNamed() throws {
        let good = try Fixture("models_dit_paper")["base"].tensors(under: "weights.")
        var bad = good
        bad["blocks.1.attn.qkv.bias"] = nil
        let missing = try message(bad)
        #expect(missing.contains("transformer_blocks.1.attn1.to_q.bias is missing"))

        bad = good
        bad["blocks.2.attn.qkv.bias"] = good["blocks.1.attn.qkv.bias"]
        #expect(try message(bad) == "tensor blocks.2.attn.qkv.bias belongs to no parameter of this model")

        bad = good
        bad["blocks.1.attn.qkv.bias"] = good["blocks.1.mlp.fc1.bias"]
        #expect(try message(bad).contains("tensor blocks.1.attn.qkv.bias has the shape [32], not [24]"))
    }

    /// A network that was trained with other places would give nonsense.
    @Test func placesMustBeThoseOfTheConfiguration() throws {
        var tensors = try Fixture("models_dit_paper")["base"].tensors(under: "weights.")
        _ = try load(tensors)
        tensors["pos_embed"]?.values[3] += 0.5
        #expect(try message(tensors) == "tensor pos_embed is not what config.json makes of it")
        tensors["pos_embed"] = nil
        _ = try load(tensors)
    }
}
