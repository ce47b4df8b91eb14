internal import JobSpec
internal import StrictJSON
internal import TensorCore

/// What computed: results agree bit for bit where this agrees.
enum Kernels {
    static func description(_ device: Device) -> String {
        "kernels \(device.vectorKernels), OpenBLAS \(device.matrixKernels)"
    }

    static func json(_ device: Device) -> JSONNode {
        [
            "instruction_set": JSONNode(.string(device.vectorKernels)),
            "openblas": JSONNode(.string(device.matrixKernels)),
        ]
    }
}

extension JobContext {
    /// Writes `outputs/manifest.json`: what was made, from what, by what, and what the loop took.
    func writeManifest(
        kind: JobKind, seed: UInt64, _ loop: StepLoop, _ members: KeyValuePairs<String, JSONNode>
    ) throws {
        try writeManifest(kind: kind, seed: seed, loop, members.map { JSONNode.Member($0.key, $0.value) })
    }

    func writeManifest(kind: JobKind, seed: UInt64, _ loop: StepLoop, _ members: [JSONNode.Member]) throws {
        var all: [JSONNode.Member] = [
            .init("kind", JSONNode(.string(kind.rawValue))), .init("job", JSONNode(.string(directoryName))),
            .init("seed", .unsigned(seed)),
        ]
        all += members
        let timing: JSONNode = [
            "attempt": JSONNode(.integer(arguments.attempt)), "steps": JSONNode(.integer(loop.stepsTaken)),
            "seconds": JSONNode(.number(loop.secondsTaken)),
            "seconds_per_step": loop.stepsTaken > 0
                ? JSONNode(.number(loop.secondsTaken / Double(loop.stepsTaken))) : .null,
            "threads": JSONNode(.integer(device.threads)),
            "expected_memory_bytes": expectedMemory > 0 ? JSONNode(.integer(expectedMemory)) : .null,
            "peak_memory_bytes": JSONNode(.integer(Worker.peakMemory)),
            "peak_tensor_bytes": JSONNode(.integer(device.memory.peak)),
        ]
        all += [
            .init("this_attempt", timing), .init("kernels", Kernels.json(device)),
            .init("versions", ["diffd": JSONNode(.string(Release.version))]),
        ]
        try write(Array(JSONNode(.object(all)).text.utf8), to: output("manifest.json"))
    }
}
