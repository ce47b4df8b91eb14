import NeuralNet
import NumericTestSupport
import TensorCore
import TestSupport
import Testing

@Suite("a selection of parameters") struct ParameterSelectionTests {
    @Test(
        "matches names as its patterns say",
        arguments: [
            (["*"], "a.b", true), (["a.b"], "a.b", true), (["a.b"], "a.bc", false), (["a.*"], "a.b.c", true),
            (["a.*"], "b.a.c", false), (["*.c"], "a.b.c", true), (["*.c"], "a.c.b", false),
            (["a.*.c"], "a.b.c", true), (["a.*.c"], "a.c", false), (["a*a"], "a", false), (["a*a"], "aa", true),
            (["*b*b*"], "abab", true), (["*b*b*"], "aba", false), (["*ab*b"], "abxb", true), ([], "a", false),
            (["x", "a*"], "ab", true), ([""], "", true), ([""], "a", false),
        ] as [([String], String, Bool)])
    func patterns(_ patterns: [String], _ name: String, _ expected: Bool) {
        #expect(ParameterSelection(patterns).contains(name) == expected)
        #expect(!ParameterSelection(["*"], except: patterns).contains(name) == expected)
    }

    private final class Chain: Module {
        let parts: [Linear]

        init(on device: Device) { parts = (0..<3).map { _ in Linear(4, 4, on: device) } }

        func visit(_ visitor: inout ParameterVisitor) { visitor("parts", parts) }

        func callAsFunction(_ x: Tensor) -> Tensor { parts.reduce(x) { $1($0) } }
    }

    /// What lies before the first selected parameter is not even recorded, and behind it only gradients of activations
    /// are computed.
    @Test("leaves the others out of the buffer and of the tape") func frozen() {
        let device = Device(threads: 1)
        let chain = Chain(on: device)
        chain.initialize(seed: 1)
        let x = Tensor.normal([3, 4], seed: 2, purpose: .dataset, on: device)
        func gradients(_ selection: ParameterSelection) -> (kinds: [Operation.Kind], [String: [Float]]) {
            let buffer = ParameterBuffer(chain, selecting: selection)
            let tape = Tape()
            buffer.track(on: tape, adding: false)
            let loss = chain(x).squared().mean()
            let kinds = tape.recordedKinds
            tape.backward(from: loss)
            buffer.untrack()
            let found = buffer.entries.map { ($0.name, buffer.gradients.sliced(axis: 0, $0.range).array()) }
            return (kinds, Dictionary(uniqueKeysWithValues: found))
        }
        let (allKinds, all) = gradients(.all)
        let (middleKinds, middle) = gradients(ParameterSelection(["parts.1.weight"]))
        #expect(all.count == 6 && middle.keys.sorted() == ["parts.1.weight"])
        #expect(middle["parts.1.weight"] == all["parts.1.weight"])
        #expect(allKinds.count { $0 == .leaf } == 6 && middleKinds.count { $0 == .leaf } == 1)
        #expect(allKinds.count { $0 == .linear } == 3 && middleKinds.count { $0 == .linear } == 2)
        // And the weights of a selection are what changes.
        #expect(ParameterBuffer(chain, selecting: ParameterSelection(["*.bias"])).weights.elementCount == 48)
    }

    @Test("is all that is initialized") func initialization() {
        let device = Device(threads: 1)
        let (chain, other) = (Chain(on: device), Chain(on: device))
        chain.initialize(seed: 1)
        other.initialize(seed: 2)
        chain.initialize(seed: 2, selecting: ParameterSelection(["parts.1.*"]))
        for (index, pair) in zip(chain.parts, other.parts).enumerated() {
            #expect((pair.0.weight.value.array() == pair.1.weight.value.array()) == (index == 1))
        }
    }
}
