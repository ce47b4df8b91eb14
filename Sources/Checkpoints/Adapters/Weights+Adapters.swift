internal import Problems
internal import Safetensors
internal import TensorCore

extension Weights {
    func adding(_ deltas: [String: [WeightDelta]]) -> Weights {
        var copy = self
        copy.deltas = deltas
        return copy
    }

    /// The weight of a parameter with what adapters add to it, each to the weight of the file, in their order.
    ///
    /// - Parameter weight: as files have it.
    /// - Throws: `numerical` where the sum is not finite.
    func adapted(_ weight: Tensor, _ parameter: String) throws -> Tensor {
        guard let deltas = deltas[parameter] else { return weight }
        let sum = try deltas.reduce(weight) { sum, delta in try sum + delta.contribution(to: weight) }
        guard sum.withSpan({ Self.areFinite($0) }) else {
            throw Problem(
                .numerical, "with its adapters, the parameter \(parameter) has values that are not finite",
                remedy: "Lower \"scale\", or leave the adapter out.", file: deltas[0].file.path)
        }
        return sum
    }

    private static func areFinite(_ values: Span<Float>) -> Bool {
        for index in values.indices where !values[index].isFinite { return false }
        return true
    }
}
