import Checkpoints
import TensorCore
import TestSupport

extension Subject {
    /// Names and shapes of adapters, a tensor a line, of which a file of zeros is made. One that fits is loaded too.
    static let adapters = Subject(name: "adapters", share: 0.2) {
        let names = ["kohya", "locon", "diffusers", "processors", "peft", "dora", "loha", "lokr", "mixed"]
        let seeds = try names.map { try tensorLines("adapters/\($0).safetensors") }
        return Mutator(
            seeds: seeds,
            words: [
                "0,", "16384", ",9223372036854775807,0", "1,1,1,1,1,1,1", ".alpha\n", ".alpha 3\n",
                ".lora_mid.weight 3,3,3,3\n",
                ".dora_scale 8,1\n", ".dora_scale 1,8\n", ".hada_t1 3,3,1,1\n", ".lokr_w1 2,2\n", ".lokr_t2 2,2,3,3\n",
                "base_model.model.", "unet.", "lora_te1_", "\n",
            ])
    } read: { input, path in
        try sparseFile(String(decoding: input, as: UTF8.self), path)
        let pipeline = try Pipeline(Fixture.path("text_pipelines/sd")).adding(adapters: [(path, 1)])
        _ = try pipeline.model(on: Device(threads: 1))
    }
}
