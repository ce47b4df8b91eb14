import Configurations
import Models
import NeuralNet
import NumericTestSupport
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// CLIP's text encoders against transformers' own.
@Suite struct TextEncoderTests {
    private let device = Device(threads: 2)
    static let names = ["quick_gelu", "gelu_projection", "largest_token", "short", "placeholders"]

    private func encoder(
        _ test: Fixture.Case, on device: Device
    ) throws -> (encoder: CLIPTextModel, ids: [[Int]], layers: Int) {
        let config = try #require(test.options["config"])
        let configuration = try CLIPTextConfiguration.read(config: Array(config.text.utf8)).configuration
        let encoder = configuration.makeNetwork(on: device)
        try encoder.load(test.tensors(under: "weights."))
        #expect(encoder.parameterCount == test.options["parameters"]?.integer)
        #expect(configuration.cost?.parameters == encoder.parameterCount)
        if test.tensors["placeholders"] != nil {
            encoder.setPlaceholders(try test.tensor("placeholders").asStored(on: device))
        }
        let ids = try #require(test.options["ids"]?.elements).map { try #require($0.elements).compactMap(\.integer) }
        return (encoder, ids, configuration.layerCount)
    }

    @Test(arguments: names) func agreesWithTransformers(_ name: String) throws {
        let test = try Fixture("text_encoders")[name]
        let (encoder, ids, layers) = try encoder(test, on: device)
        for isNormalized in [false, true] {
            let states = try test.tensor(isNormalized ? "normalized" : "hidden_states").asStored(on: device)
            for skipped in 0...layers {
                let state = states.sliced(axis: 0, layers - skipped..<layers - skipped + 1)
                let layer = TextLayer(skipped: skipped, isNormalized: isNormalized)
                let alone = encoder(ids, layer: layer, isPooled: false)
                let encoding = encoder(ids, layer: layer, isPooled: true)
                #expect(relativeError(alone.tokens, state.reshaped(to: alone.tokens.shape)) < 1e-5, "\(layer)")
                #expect(haveSameBits(encoding.tokens.array(), alone.tokens.array()))
                #expect(alone.pooled == nil)
                let pooled = try #require(encoding.pooled)
                #expect(relativeError(pooled, try test.tensor("pooled", on: device)) < 1e-5, "\(layer)")
            }
        }
    }

    @Test(arguments: ["quick_gelu", "gelu_projection"]) func gradientsAgreeWithTransformers(_ name: String) throws {
        let test = try Fixture("text_encoders")[name]
        let (encoder, ids, _) = try encoder(test, on: device)
        let buffer = ParameterBuffer(encoder)
        let tape = Tape(recomputes: true)
        buffer.track(on: tape)
        let encoding = encoder(ids, layer: .last, isPooled: true)
        let (tokens, pooled) = (encoding.tokens, try #require(encoding.pooled))
        let loss =
            try (tokens * test.tensor("cotangent", on: device)).sum()
            + (pooled * test.tensor("pooled_cotangent", on: device)).sum()
        tape.backward(from: loss)
        buffer.untrack()
        for (name, parameter, range) in buffer.entries {
            let expected = try test.tensor("grad.\(name)").asStored(on: device)
            let gradient = buffer.gradients.sliced(axis: 0, range).reshaped(to: parameter.shape)
            // A key's bias moves all scores of a query alike: its gradient is 0 but for rounding.
            if name.hasSuffix("k_proj.bias") { continue }
            #expect(relativeError(gradient, expected) < 1e-4, "\(name)")
        }
    }

    @Test func weightsActAsInTheWebUI() throws {
        let test = try Fixture("text_encoders")["quick_gelu"]
        let (encoder, ids, _) = try encoder(test, on: device)
        let rows = try #require(test.options["weights"]?.elements)
        let weights = rows.map { row in (row.elements ?? []).map { Float($0.number ?? .nan) } }
        let plain = encoder(ids, layer: .last, isPooled: true)
        let weighted = plain.weighted(by: weights)
        #expect(relativeError(weighted.tokens, try test.tensor("weighted", on: device)) < 1e-5)
        #expect(weighted.pooled.map { $0.array() } == plain.pooled.map { $0.array() })
        let neutral = plain.weighted(by: weights.map { $0.map { _ in 1 } })
        #expect(haveSameBits(neutral.tokens.array(), plain.tokens.array()))
        for (row, ids) in ids.enumerated() {
            let alone = encoder([ids], layer: .last, isPooled: false).weighted(by: [weights[row]])
            #expect(haveSameBits(alone.tokens.array(), weighted.tokens.sliced(axis: 0, row..<row + 1).array()))
        }
    }

    /// A sequence's bits depend neither on its batch nor on threads, for sizes at which work is divided.
    @Test func anySplitGivesTheSameBits() throws {
        var c = CLIPTextConfiguration()
        (c.vocabSize, c.hiddenSize, c.intermediateSize, c.numHiddenLayers, c.hasProjection) = (500, 192, 768, 2, true)
        (c.numAttentionHeads, c.projectionDim, c.eosTokenId) = (3, 96, 499)
        let ids = (0..<4).map { row in (0..<77).map { $0 == 20 * row + 9 ? 499 : ($0 * 37 + row * 101) % 499 } }
        func encode(_ ids: [[Int]], threads: Int) throws -> (tokens: [Float], pooled: [Float]) {
            let encoder = c.makeNetwork(on: Device(threads: threads))
            encoder.initialize(seed: 3)
            let encoding = encoder(ids, layer: .penultimate, isPooled: true)
            return (encoding.tokens.array(), try #require(encoding.pooled).array())
        }
        let whole = try encode(ids, threads: 2)
        let parts = try ids.map { try encode([$0], threads: 3) }
        #expect(haveSameBits(parts.flatMap(\.tokens), whole.tokens))
        #expect(haveSameBits(parts.flatMap(\.pooled), whole.pooled))
    }

    /// Only the placeholders' vectors follow a loss when nothing else is selected, and equal tokens share a gradient.
    @Test func placeholdersLearnAlone() throws {
        let test = try Fixture("text_encoders")["placeholders"]
        let (encoder, ids, _) = try encoder(test, on: device)
        let buffer = ParameterBuffer(encoder, selecting: ParameterSelection(["*.placeholders"]))
        #expect(buffer.entries.map(\.name) == ["text_model.embeddings.token_embedding.placeholders"])
        let start = try #require(encoder.placeholders).value.copy()
        func output() -> Tensor { encoder(ids, layer: .last, isPooled: false).tokens }
        let cotangent = Tensor.normal(output().shape, seed: 4, purpose: .dataset, on: device)
        let tape = Tape()
        buffer.track(on: tape)
        tape.backward(from: output(), seed: cotangent)
        buffer.untrack()
        func product(_ a: Tensor, _ b: Tensor) -> Double {
            zip(a.array(), b.array()).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        let direction = Tensor.normal(start.shape, seed: 5, purpose: .dataset, on: device)
        let slope = product(buffer.gradients.sliced(axis: 0, 0..<start.elementCount), direction)
        func moved(by step: Float) -> Double {
            encoder.setPlaceholders(start + direction * step)
            return product(output(), cotangent)
        }
        let measured = (moved(by: 4e-3) - moved(by: -4e-3)) / 8e-3
        #expect(abs(measured - slope) < 2e-3 * abs(slope), "\(measured), not \(slope)")
        encoder.setPlaceholders(nil)
        #expect(encoder.vocabularySize == 40 && encoder.placeholders == nil)
    }

    /// The sizes that Stable Diffusion has.
    @Test func realSizes() {
        func configuration(
            _ width: Int, _ hidden: Int, heads: Int, layers: Int, projection: Int? = nil
        ) -> CLIPTextConfiguration {
            var c = CLIPTextConfiguration()
            (c.hiddenSize, c.intermediateSize, c.numAttentionHeads, c.numHiddenLayers) = (width, hidden, heads, layers)
            (c.hasProjection, c.projectionDim) = (projection != nil, projection ?? 512)
            return c
        }
        for (c, parameters, tensors) in [
            (configuration(768, 3072, heads: 12, layers: 12), 123_060_480, 196),
            (configuration(1024, 4096, heads: 16, layers: 23), 340_387_840, 372),
            (configuration(1280, 5120, heads: 20, layers: 32, projection: 1280), 694_659_840, 517),
        ] {
            let encoder = c.makeNetwork(on: .rehearsal())
            #expect(encoder.parameterCount == parameters && encoder.parameters.count == tensors)
            #expect(c.cost?.parameters == parameters)
        }
    }
}
