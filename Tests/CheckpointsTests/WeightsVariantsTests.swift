import Checkpoints
import DurableFiles
import Models
import NeuralNet
import Problems
import Safetensors
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// The forms in which diffusers saves, or once saved, the same weights.
@Suite struct WeightsVariantsTests {
    let device = Device(threads: 1)
    let files = PosixFileSystem()
    let directory: TemporaryDirectory
    let original: Pipeline
    /// The tensors of a good file, in its order.
    let tensors: [(name: String, shape: [Int], values: [Float])]

    init() throws {
        directory = try TemporaryDirectory()
        original = try Pipeline(Fixture.path("pipeline_ddpm"))
        let file = try SafetensorsFile(original.weights().files[0])
        tensors = try file.names.map { ($0, try file.info($0).shape, try file.floats($0)) }
    }

    private func model(_ weights: Weights) throws -> [String: [Float]] {
        let model = original.configuration.makeModel(numTrainTimesteps: 1000, on: device)
        try weights.load(into: model)
        return Dictionary(uniqueKeysWithValues: model.parameters.map { ($0, $1.value.array()) })
    }

    private func write(_ part: some Sequence<(name: String, shape: [Int], values: [Float])>, to name: String) throws {
        let part = Array(part)
        var writer = try SafetensorsWriter(directory(name), part.map { .init($0.name, $0.shape) }, in: files)
        for tensor in part { try writer.write(tensor.name, tensor.values) }
        try writer.commit()
    }

    /// A safetensors file of another precision; the writer knows only F32.
    private func write(_ dtype: String, _ encode: (Float) -> UInt16, to name: String) throws {
        var members: [JSONNode.Member] = []
        var data: [UInt8] = []
        for tensor in tensors {
            let start = data.count
            for value in tensor.values {
                let bits = encode(value)
                data += [UInt8(truncatingIfNeeded: bits), UInt8(bits >> 8)]
            }
            members.append(
                .init(
                    tensor.name,
                    [
                        "dtype": JSONNode(.string(dtype)),
                        "shape": JSONNode(.array(tensor.shape.map { JSONNode(.integer($0)) })),
                        "data_offsets": [JSONNode(.integer(start)), JSONNode(.integer(data.count))],
                    ]))
        }
        let header = Array(JSONNode(.object(members)).line.utf8)
        let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
        try files.writeAtomically(length + header + data, to: directory(name))
    }

    @Test func oldNamesOfAttentionLayers() throws {
        let old = ["to_q": "query", "to_k": "key", "to_v": "value"]
        let renamed = tensors.map { tensor in
            var name = tensor.name.replacing("to_out.0", with: "proj_attn")
            for (today, before) in old { name = name.replacing(".\(today).", with: ".\(before).") }
            return (name: name, shape: tensor.shape, values: tensor.values)
        }
        #expect(renamed.filter { $0.name.contains(".query.") || $0.name.contains(".proj_attn.") }.count > 4)
        #expect(!renamed.contains { $0.name.contains(".to_") })
        try write(renamed, to: Weights.fileName)
        #expect(try model(Weights(directory.path)) == model(original.weights()))
    }

    @Test(arguments: [
        ("diffusion_pytorch_model", "diffusion_pytorch_model.safetensors.index.json"),
        ("diffusion_pytorch_model.fp16", "diffusion_pytorch_model.safetensors.index.fp16.json"),
    ]) func shards(_ stem: String, _ index: String) throws {
        let names = (1...3).map { "\(stem)-0000\($0)-of-00003.safetensors" }
        var map: [JSONNode.Member] = []
        for (number, name) in names.enumerated() {
            let part = tensors.enumerated().filter { $0.offset % 3 == number }.map(\.element)
            try write(part, to: name)
            map += part.map { .init($0.name, JSONNode(.string(name))) }
        }
        let node: JSONNode = ["metadata": ["total_size": 1], "weight_map": JSONNode(.object(map))]
        try files.writeAtomically(Array(node.text.utf8), to: directory(index))
        let weights = try Weights(directory.path)
        #expect(weights.files == names.map { directory($0) })
        #expect(try model(weights) == model(original.weights()))
        let digest = try weights.digest()
        try write(tensors.filter { $0.name.hasPrefix("conv_in") }, to: names[1])
        #expect(try weights.digest() != digest)
    }

    @Test(arguments: ["diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"])
    func halfPrecision(_ name: String) throws {
        try write("F16", { Float16($0).bitPattern }, to: name)
        let expected = try model(original.weights()).mapValues { $0.map { Float(Float16($0)) } }
        #expect(try model(Weights(directory.path)) == expected)
    }

    @Test func bfloat16() throws {
        try write("BF16", { UInt16($0.bitPattern >> 16) }, to: Weights.fileName)
        let expected = try model(original.weights()).mapValues {
            $0.map { Float(bitPattern: $0.bitPattern & 0xffff_0000) }
        }
        #expect(try model(Weights(directory.path)) == expected)
    }

    @Test(arguments: [("F16", HalfTensor.Format.float16), ("BF16", .bfloat16)])
    func keptAsTheyAreInTheFile(_ dtype: String, _ format: HalfTensor.Format) throws {
        try write(
            dtype, { dtype == "F16" ? Float16($0).bitPattern : UInt16($0.bitPattern >> 16) },
            to: Weights.fileName)
        let weights = try Weights(directory.path)
        let expected = try model(weights)
        let before = device.memory.used
        let model = original.configuration.makeModel(numTrainTimesteps: 1000, on: device)
        try weights.load(into: model, keeping: format)
        let elements = expected.values.reduce(0) { $0 + $1.count }
        // Two bytes an element; vectors and what sizes are rounded up to are a little more.
        #expect(device.memory.used - before < elements * 5 / 2)
        #expect(Dictionary(uniqueKeysWithValues: model.parameters.map { ($0, $1.value.array()) }) == expected)
    }

    @Test func roundedToWhatIsAskedFor() throws {
        try write(tensors, to: Weights.fileName)
        let model = original.configuration.makeModel(numTrainTimesteps: 1000, on: device)
        try Weights(directory.path).load(into: model, keeping: .float16)
        let full = try self.model(original.weights())
        for (name, parameter) in model.parameters {
            let isWeight = parameter.shape.rank > 1
            #expect(parameter.value.array() == full[name]?.map { isWeight ? Float(Float16($0)) : $0 })
        }
    }

    @Test func fullPrecisionIsPreferred() throws {
        try write("F16", { Float16($0).bitPattern }, to: "diffusion_pytorch_model.fp16.safetensors")
        try write(tensors, to: Weights.fileName)
        #expect(try Weights(directory.path).files == [directory(Weights.fileName)])
    }

    @Test func theVariantThatIsAskedFor() throws {
        let half = "diffusion_pytorch_model.fp16.safetensors"
        try write("F16", { Float16($0).bitPattern }, to: half)
        try write(tensors, to: Weights.fileName)
        #expect(try Weights(directory.path, variant: "fp16").files == [directory(half)])
        // A part without the variant is taken as it is.
        #expect(try Weights(directory.path, variant: "ema").files == [directory(Weights.fileName)])
    }

    @Test func severalVariantsAndNoPlainFile() throws {
        for variant in ["fp16", "non_ema"] { try write(tensors, to: "diffusion_pytorch_model.\(variant).safetensors") }
        let problem = try #require(throws: Problem.self) { try Weights(directory.path) }
        #expect(problem.message.contains("fp16, non_ema"))
        #expect(try Weights(directory.path, variant: "non_ema").variant == "non_ema")
    }

    @Test func noWeightsThatCanBeRead() throws {
        try files.writeAtomically([0], to: directory("diffusion_pytorch_model.bin"))
        let problem = try #require(throws: Problem.self) { try Weights(directory.path) }
        #expect(problem.code == .missing && problem.message.contains("diffusion_pytorch_model.bin"))
    }

    /// As google/ddpm-cat-256 was published: with its index, and once without.
    @Test(arguments: [true, false]) func allPartsInOneDirectory(hasIndex: Bool) throws {
        for file in ["unet/config.json", "unet/\(Weights.fileName)", "scheduler/scheduler_config.json"] {
            try files.writeAtomically(
                files.read("\(original.path)/\(file)", limit: 1 << 26), to: directory(Path.name(file)))
        }
        if hasIndex {
            try files.writeAtomically(
                files.read("\(original.path)/model_index.json", limit: 1 << 20), to: directory("model_index.json"))
        }
        let flat = try Pipeline(directory.path)
        #expect(flat.configuration == original.configuration && flat.scheduler == original.scheduler)
        #expect(try model(flat.weights()) == model(original.weights()))
        let problem = try #require(throws: Problem.self) { try Pipeline(directory.path, variant: "fp16") }
        #expect(problem.code == .missing && problem.message.contains("fp16"))
    }

    /// Downloads of the Hugging Face hub are links into a store of blobs.
    @Test func linkedWeights() throws {
        try write(tensors, to: "blob")
        try files.createSymbolicLink(directory(Weights.fileName), to: "blob")
        #expect(try model(Weights(directory.path)) == model(original.weights()))
    }
}
