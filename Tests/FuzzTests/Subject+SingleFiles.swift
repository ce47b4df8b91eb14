import Checkpoints
import Configurations
import Foundation
import Models
import NeuralNet
import Safetensors
import StrictJSON
import TensorCore
import TestSupport

extension Subject {
    /// Names and shapes of whole models, a tensor a line, of which a file without data is made: damage to the file
    /// itself would hardly ever leave a header that is read to its end.
    static let singleFiles = Subject(name: "single files", share: 0.2) {
        let seeds = try ["sd1", "sd2", "xl", "upscaler"].map { try tensorLines("single_files/\($0).safetensors") }
        return Mutator(
            seeds: seeds,
            words: [
                "0,", "16384", ",9223372036854775807,0", "1,1,1,1,1,1,1", "model.diffusion_model.",
                "input_blocks.2.0.op.weight 1\n",
                "model.diffusion_model.label_emb.weight 7,32\n", "model.diffusion_model.label_emb.0.0.weight 32,2816\n",
                "conditioner.embedders.1.model.transformer.resblocks.0.mlp.c_fc.weight 9,9\n",
                ".1.transformer_blocks.0.", "\n",
            ])
    } read: { input, path in
        try sparseFile(String(decoding: input, as: UTF8.self), path)
        let file = try SingleFile(path, needsAutoencoder: false)
        try file.weights().check(
            for: ModelConfiguration(file.denoiser).makeModel(numTrainTimesteps: 1000, on: .rehearsal()))
        if let autoencoder = file.autoencoder {
            try autoencoder.weights().check(for: AutoencoderKL(autoencoder.configuration, on: .rehearsal()))
        }
        for encoder in file.textEncoders {
            try encoder.weights().check(for: encoder.configuration.makeNetwork(on: .rehearsal()))
        }
    }

    /// Names and shapes of a fixture's tensors, one a line: `conv_in.weight 8,3,3,3`.
    static func tensorLines(_ fixture: String) throws -> [UInt8] {
        let file = try SafetensorsFile(Fixture.path(fixture))
        let lines = file.names.map { name in
            "\(name) \((file.tensors[name]?.shape ?? []).map(String.init).joined(separator: ","))\n"
        }
        return Array(lines.joined().utf8)
    }

    /// A file of these tensors, all zeros that take no space.
    static func sparseFile(_ lines: String, _ path: String) throws {
        var members: [JSONNode.Member] = []
        var (names, end): (Set<String>, Int) = ([], 0)
        for line in lines.split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1)
            guard let name = parts.first.map(String.init), names.insert(name).inserted else { continue }
            let shape = (parts.dropFirst().first ?? "").split(separator: ",").map { Int($0) ?? 1 }.filter { $0 >= 0 }
            let size = shape.contains(0) ? 0 : shape.reduce(2.0) { $0 * Double($1) }
            guard size < 0x1p32, case let next = end + Int(size), next < 1 << 38 else { continue }
            members.append(
                .init(
                    name,
                    [
                        "dtype": "F16", "shape": JSONNode(.array(shape.map { JSONNode(.integer($0)) })),
                        "data_offsets": [JSONNode(.integer(end)), JSONNode(.integer(next))],
                    ]))
            end = next
        }
        let header = Array(JSONNode(.object(members)).line.utf8)
        let length = (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) }
        try Data(length + header).write(to: URL(filePath: path))
        let handle = try FileHandle(forUpdating: URL(filePath: path))
        try handle.truncate(atOffset: UInt64(8 + header.count + end))
        try handle.close()
    }
}
