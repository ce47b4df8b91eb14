import Checkpoints
import DurableFiles
import Models
import NeuralNet
import Problems
import Safetensors
import TensorCore
import TestSupport
import Testing

/// Adapters of two tiny pipelines of diffusers; the weights that they make are computed in numpy
/// (`Tests/Reference/adapters.py`).
@Suite("adapters") struct AdapterTests {
    private let device = Device(threads: 2)
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private static let forms = [
        "kohya", "locon", "diffusers", "processors", "peft", "dora", "loha", "lokr", "mixed", "xl-original",
        "xl-diffusers",
    ]

    private static func path(_ name: String) -> String { Fixture.path("adapters/\(name).safetensors") }

    private func pipeline(_ name: String = "sd") throws -> Pipeline {
        try Pipeline(Fixture.path("text_pipelines/\(name)"))
    }

    /// All weights as files have them, by network and parameter.
    private func weights(
        _ pipeline: Pipeline, on device: Device? = nil, keeping format: HalfTensor.Format? = nil
    ) throws -> [String: [Float]] {
        let device = device ?? self.device
        var found: [String: [Float]] = [:]
        func add(_ network: some Module, _ name: String) {
            for (parameter, value) in network.parameters {
                found["\(name).\(parameter)"] = value.inFileOrder(value.value).array()
            }
        }
        add(try pipeline.model(on: device, keeping: format), "unet")
        for (index, encoder) in (pipeline.text?.encoders ?? []).enumerated() {
            let network = encoder.configuration.makeNetwork(on: device)
            try encoder.weights().load(into: network, isIdle: { $0.hasSuffix("position_ids") })
            add(network, index == 0 ? "text_encoder" : "text_encoder_2")
        }
        return found
    }

    @Test("make the weights that their formulas make, and leave the others alone", arguments: forms)
    func merged(_ name: String) throws {
        let expected = try SafetensorsFile(Self.path("\(name).merged"))
        let pipeline = try pipeline(#require(expected.metadata["pipeline"]))
        let (plain, adapted) = (
            try weights(pipeline), try weights(pipeline.adding(adapters: [(Self.path(name), 1)]))
        )
        for (parameter, values) in adapted {
            guard expected.tensors[parameter] != nil else {
                #expect(values == plain[parameter], "\(parameter)")
                continue
            }
            let wanted = try expected.floats(parameter)
            let error = zip(values, wanted).map { abs($0 - $1) / max(1, abs($1)) }.max() ?? 1
            #expect(error < 2e-6, "\(parameter)")
            #expect(values != plain[parameter], "\(parameter)")
        }
        #expect(Set(expected.names).isSubset(of: adapted.keys))
    }

    @Test("add up, each at its scale, whatever the threads") func several() throws {
        let pipeline = try pipeline()
        let plain = try weights(pipeline)
        let files = [("kohya", 0.5), ("diffusers", -0.25), ("kohya", 0.5)].map { (Self.path($0.0), $0.1) }
        let both = try pipeline.adding(adapters: files)
        let adapted = try weights(both)
        #expect(try weights(both, on: Device(threads: 1)) == adapted)
        let merged = try ["kohya", "diffusers"].map { try SafetensorsFile(Self.path("\($0).merged")) }
        for (parameter, values) in adapted {
            let own = try #require(plain[parameter])
            var wanted = own
            for (file, scale) in zip(merged, [1, -0.25] as [Float]) where file.tensors[parameter] != nil {
                for (index, value) in try file.floats(parameter).enumerated() {
                    wanted[index] += scale * (value - own[index])
                }
            }
            #expect(zip(values, wanted).allSatisfy { abs($0 - $1) < 1e-5 }, "\(parameter)")
        }
    }

    @Test("are rounded once where weights are kept in 16 bits") func half() throws {
        let adapted = try pipeline().adding(adapters: [(Self.path("kohya"), 1)])
        let (full, half) = (try weights(adapted), try weights(adapted, keeping: .float16))
        let name = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_q.weight"
        #expect(try #require(half[name]) == #require(full[name]).map { Float(Float16($0)) })
    }

    @Test(
        "are found under the names of the single file's own U-Net, module by module",
        arguments: ["xl", "upscaler", "sd1"])
    func originals(_ name: String) throws {
        let prefix = "model.diffusion_model."
        let path = try withWholeVocabulary(Fixture.path("single_files/\(name).safetensors"))
        let file = try SafetensorsFile(path)
        let keys = file.names.filter {
            $0.hasPrefix(prefix) && $0.hasSuffix(".weight") && [2, 4].contains(file.tensors[$0]?.shape.count)
        }
        // ΔW of the module of number n is n + 1 everywhere.
        var tensors: [Tensor] = []
        for (number, key) in keys.enumerated() {
            let shape = try file.info(key).shape
            let module = "lora_unet_" + key.dropFirst(prefix.count).dropLast(7).replacing(".", with: "_")
            let inputs = shape[1...].reduce(1, *)
            tensors.append(
                ("\(module).lora_down.weight", [1] + shape[1...], [Float](repeating: 1, count: inputs)))
            tensors.append(
                (
                    "\(module).lora_up.weight", [shape[0], 1] + shape.dropFirst(2).map { _ in 1 },
                    [Float](repeating: Float(number + 1), count: shape[0])
                ))
        }
        let plain = try Pipeline(path, needsAutoencoder: false)
        let adapted = try plain.adding(adapters: [(write(tensors), 1)])
        let weights = try plain.model(on: device).parameters
        var found: Set<Int> = []
        for (own, changed) in zip(weights, try adapted.model(on: device).parameters) {
            let values = own.parameter.inFileOrder(own.parameter.value).array()
            let sums = changed.parameter.inFileOrder(changed.parameter.value).array()
            let difference = sums[0] - values[0]
            guard difference > 0.5 else { continue }
            let number = Int(difference.rounded()) - 1
            #expect(found.insert(number).inserted)
            #expect(try file.floats(keys[number]) == values, "\(own.name)")
        }
        #expect(found.count == keys.count)
    }

    /// A fixture whose text encoders have as many tokens and positions as CLIP, with whose vocabulary single files are read.
    private func withWholeVocabulary(_ path: String) throws -> String {
        let file = try SafetensorsFile(path)
        let sizes = ["token_embedding.weight": 49408, "position_embedding.weight": 77, "positional_embedding": 77]
        let tensors: [Tensor] = try file.names.compactMap { name in
            let info = try file.info(name)
            guard info.type != .int64 else { return nil }
            let rows = sizes.first { name.hasSuffix($0.key) }?.value
            guard let rows else { return (name, info.shape, try file.floats(name)) }
            return (name, [rows, info.shape[1]], [Float](repeating: 0, count: rows * info.shape[1]))
        }
        return try write(tensors, as: "model.safetensors")
    }

    @Test("that were learned here are read as what they were") func written() throws {
        let pipeline = try pipeline()
        let network = try pipeline.model(on: device)
        let adapter = LowRankAdapter(
            of: network, at: ParameterSelection(["*attn*", "*proj_in", "*ff.net*", "*conv1"]), rank: 2, alpha: 3)
        adapter.initialize(seed: 5)
        typealias Values = TensorCore.Tensor
        for (number, layer) in adapter.layers.enumerated() {
            let noise = Values.normal(
                layer.pair.b.shape, seed: 7, purpose: .weights, firstSample: number, on: device)
            layer.pair.b.assign(noise * 0.2)
        }
        try LowRankAdapter.write(
            [("unet", adapter)], hasSecondEncoder: false, metadata: ["ss_base_model_version": "sd_v1"],
            to: directory.path, in: PosixFileSystem())
        let file = try SafetensorsFile(directory("pytorch_lora_weights.safetensors"))
        #expect(try file.floats("\(Self.module).alpha") == [2] && file.metadata["ss_network_dim"] == "2")
        let adapted = try pipeline.adding(adapters: [(Pipeline.adapterFile(at: directory.path), 1)])
            .model(on: device)
        let x = Values.normal([1, 8, 8, 4], seed: 1, purpose: .weights, on: device)
        var condition = Condition()
        condition.text = Condition.Text(
            tokens: Values.normal([1, 5, 32], seed: 2, purpose: .weights, on: device), counts: nil)
        func output(_ model: any Denoiser) -> [Float] { model(x, timesteps: [500], condition: condition).array() }
        let (beside, merged) = (output(network), output(adapted))
        #expect(zip(beside, merged).allSatisfy { abs($0 - $1) < 1e-5 * max(1, abs($0)) })
        #expect(try output(pipeline.model(on: device)) != merged)
    }

    // MARK: - What cannot be used

    private typealias Tensor = (name: String, shape: [Int], values: [Float])

    private func write(
        _ tensors: [Tensor], _ metadata: [String: String] = [:], as name: String = "lora.safetensors"
    ) throws -> String {
        let path = directory(name)
        var writer = try SafetensorsWriter(
            path, tensors.map { .init($0.name, $0.shape) }, metadata: metadata, in: PosixFileSystem())
        for tensor in tensors { try writer.write(tensor.name, tensor.values) }
        try writer.commit()
        return path
    }

    private func zeros(_ name: String, _ shape: Int...) -> Tensor {
        (name, shape, [Float](repeating: 0, count: shape.reduce(1, *)))
    }

    private func problem(_ tensors: [Tensor], _ metadata: [String: String] = [:]) throws -> Problem {
        let path = try write(tensors, metadata)
        let problems = try #require(throws: Problems.self) { try pipeline().adding(adapters: [(path, 1)]) }
        return try #require(problems.all.first)
    }

    private static let module = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_q"

    @Test("of another base name tensors and sizes") func otherBase() throws {
        let sizes = try problem(
            [zeros("\(Self.module).lora_down.weight", 2, 2048), zeros("\(Self.module).lora_up.weight", 640, 2)],
            ["ss_base_model_version": "sdxl_base_v1-0"])
        #expect(sizes.message.contains("[640] + [2048], not [8, 8]"), "\(sizes)")
        #expect(sizes.remedy?.contains("sdxl_base_v1-0") == true)
        let names = try problem([
            zeros("lora_unet_input_blocks_8_1_proj_in.lora_down.weight", 2, 8),
            zeros("lora_unet_input_blocks_8_1_proj_in.lora_up.weight", 8, 2),
        ])
        #expect(names.message.contains("lora_unet_input_blocks_8_1_proj_in.lora_down.weight [2, 8]"), "\(names)")
        let second = try #require(throws: Problems.self) {
            try pipeline().adding(adapters: [(Self.path("xl-diffusers"), 1)])
        }
        #expect(second.all.contains { $0.message.contains("18 of its 33 tensors") }, "\(second)")
    }

    @Test("of one half name the module") func halves() throws {
        let lone = try problem([zeros("\(Self.module).lora_down.weight", 2, 8)])
        #expect(lone.message.contains("the module \(Self.module) lacks the half up"), "\(lone)")
        let alpha = try problem([zeros("\(Self.module).alpha")])
        #expect(alpha.message.contains(Self.module), "\(alpha)")
    }

    @Test(
        "of other kinds are refused by their kind",
        arguments: [
            ("diff", "whole differences"), ("diff_b", "differences of biases"), ("w_norm", "weights of norms"),
            ("a1.weight", "GLoRA"), ("oft_blocks", "OFT"), ("something", "no known adapter"),
        ]) func foreign(_ ending: String, _ kind: String) throws
    {
        #expect(try problem([zeros("\(Self.module).\(ending)", 8, 8)]).message.contains(kind))
    }

    @Test("that are damaged are refused, and none traps") func damaged() throws {
        let (down, up) = ("\(Self.module).lora_down.weight", "\(Self.module).lora_up.weight")
        let (a, b) = (zeros(down, 2, 8), zeros(up, 8, 2))
        let faulty: [[Tensor]] = [
            [zeros(down, 0, 8), zeros(up, 8, 0)], [zeros(down, 4097, 8), zeros(up, 8, 4097)], [zeros(down), zeros(up)],
            [zeros(down, 2, 8), zeros(up, 8, 3)],
            [zeros(down, 1, 1, 1, 1, 1, 2, 8), b], [a, b, ("\(Self.module).alpha", [], [.nan])],
            [a, b, ("\(Self.module).alpha", [], [.infinity])], [a, b, zeros("\(Self.module).alpha", 2)],
            [a, b, zeros("\(Self.module).dora_scale", 8, 8)], [a, b, zeros("\(Self.module).dora_scale", 9)],
            [a, b, zeros("\(Self.module).lora_mid.weight", 2, 2)], [a, b, zeros("\(Self.module).hada_w1_a", 8, 2)],
            [a, b, zeros("unet.\(Self.module.dropFirst(10))", 1)], [],
            [zeros("\(Self.module).lokr_w1", 4, 4), zeros("\(Self.module).lokr_w2", 4, 2)],
            [
                zeros("\(Self.module).lokr_w1", 2, 2), zeros("\(Self.module).lokr_w1_a", 2, 2),
                zeros("\(Self.module).lokr_w2", 4, 4),
            ],
        ]
        for tensors in faulty {
            let problem = try problem(tensors)
            #expect(problem.code == .invalid && problem.file != nil, "\(problem)")
        }
        let regular = try problem(
            [
                zeros("unet.down_blocks.0.attentions.0.proj_in.lora_A.weight", 2, 8),
                zeros("unet.down_blocks.0.attentions.0.proj_in.lora_B.weight", 8, 2),
            ], ["lora_adapter_metadata": "{\"unet.lora_alpha\": 4, \"unet.alpha_pattern\": {\"proj_.*\": 2}}"])
        #expect(regular.code == .unsupported)
    }

    @Test("whose products are not finite are refused when they are loaded") func overflow() throws {
        let (down, up) = ("\(Self.module).lora_down.weight", "\(Self.module).lora_up.weight")
        let huge = [Float](repeating: 1e30, count: 16)
        let path = try write([(down, [2, 8], huge), (up, [8, 2], huge)])
        let adapted = try pipeline().adding(adapters: [(path, 1)])
        let problem = try #require(throws: Problem.self) { try adapted.model(on: device) }
        #expect(problem.code == .numerical && problem.message.contains("attn2.to_q"))
    }
}
