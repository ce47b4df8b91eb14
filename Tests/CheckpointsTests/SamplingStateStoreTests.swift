import Checkpoints
import Diffusion
import DurableFiles
import Problems
import TensorCore
import TestSupport
import Testing

@Suite struct SamplingStateStoreTests {
    let device = Device(threads: 1)
    let files = PosixFileSystem()

    /// A state in the middle of a batch, with a generator that has drawn an odd number of values.
    private func state(index: Int = 7) -> (state: SamplerState, noise: NoiseSource) {
        var noise = NoiseSource.torch(seed: 3)
        noise.samples = 4..<6
        let x = noise.next([2, 3], step: 0, on: device)
        let history = [noise.next([2, 3], step: 1, on: device), noise.next([2, 3], step: 2, on: device)]
        _ = noise.next([1, 5], step: 3, on: device)
        let state = SamplerState(
            x: x, history: history, index: index, calls: index + 4, initialNoise: history[0] * 2)
        return (state, noise)
    }

    private func never(_ problem: Problem) throws { throw problem }

    @Test func stateComesBackToTheBit() throws {
        let directory = try TemporaryDirectory()
        let store = SamplingStateStore(directory("sampling.safetensors"), fingerprint: "a")
        #expect(try store.load(on: device, damaged: never) == nil)
        var (state, noise) = state()
        try store.save(batch: 2, state: state, noise: noise)

        var loaded = try #require(try store.load(on: device, damaged: never))
        #expect(loaded.batch == 2)
        #expect(loaded.state?.index == 7)
        #expect(loaded.state?.x.shape == [2, 3])
        #expect(loaded.state?.x.array() == state.x.array())
        #expect(loaded.state?.history.map { $0.array() } == state.history.map { $0.array() })
        #expect(loaded.noise.samples == 4..<6)
        #expect(loaded.state?.calls == 11 && loaded.state?.initialNoise?.array() == state.initialNoise?.array())
        #expect(
            loaded.noise.next([1, 5], step: 4, on: device).array() == noise.next([1, 5], step: 4, on: device).array())

        state.history = []
        try store.save(batch: 3, state: state, noise: .philox(seed: 9))
        loaded = try #require(try store.load(on: device, damaged: never))
        #expect(loaded.batch == 3)
        #expect(loaded.state?.history.isEmpty == true)

        try store.save(batch: 4, state: nil, noise: .philox(seed: 9))
        loaded = try #require(try store.load(on: device, damaged: never))
        #expect(loaded.batch == 4)
        #expect(loaded.state == nil)

        try store.remove()
        #expect(try store.load(on: device, damaged: never) == nil)
        try store.remove()
    }

    @Test func everyDamageIsSeen() throws {
        let directory = try TemporaryDirectory()
        let path = directory("sampling.safetensors")
        let store = SamplingStateStore(path, fingerprint: "a")
        let (state, noise) = state()
        try store.save(batch: 1, state: state, noise: noise)
        let whole = try files.read(path, limit: 1 << 20)
        var generator = SeededGenerator(seed: 1)
        var damaged: [[UInt8]] = [[], Array(whole.dropLast()), whole + [0]]
        for _ in 0..<300 {
            var bytes = whole
            bytes[Int.random(in: 0..<whole.count, using: &generator)] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            damaged += [bytes, Array(whole.prefix(Int.random(in: 0..<whole.count, using: &generator)))]
        }
        for bytes in damaged {
            try files.writeAtomically(bytes, to: path)
            var told: [Problem] = []
            let loaded = try store.load(on: device) { told.append($0) }
            // Spaces that pad the header may turn into other white space without harm.
            if let loaded {
                #expect(loaded.state?.x.array() == state.x.array())
                #expect(told.isEmpty)
            } else {
                #expect(told.count == 1 && told[0].code == .corrupt && told[0].file == path && told[0].remedy != nil)
            }
        }
    }

    @Test func stateOfOtherWorkIsRefused() throws {
        let directory = try TemporaryDirectory()
        let path = directory("sampling.safetensors")
        try SamplingStateStore(path, fingerprint: "a").save(batch: 1, state: nil, noise: .philox(seed: 0))
        let problem = #expect(throws: Problem.self) {
            try SamplingStateStore(path, fingerprint: "b").load(on: device, damaged: never)
        }
        #expect(problem?.code == .invalid)
        #expect(problem?.file == path)
    }

    @Test func crashLeavesTheOldStateOrTheNew() throws {
        let (old, new) = (state(index: 1).state, state(index: 2).state)
        try CrashTest.run { directory in
            try SamplingStateStore("\(directory)/s", fingerprint: "a")
                .save(batch: 0, state: old, noise: .philox(seed: 0))
        } operation: { files, directory in
            try SamplingStateStore("\(directory)/s", fingerprint: "a", in: files)
                .save(batch: 0, state: new, noise: .philox(seed: 0))
        } check: { directory, point in
            let store = SamplingStateStore("\(directory)/s", fingerprint: "a")
            let index = try #require(try store.load(on: device, damaged: never)?.state?.index, "\(point)")
            #expect(index == 2 || !point.isComplete && index == 1, "\(point)")
        }
    }
}
