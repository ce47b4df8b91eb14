internal import NeuralNet
internal import TensorCore

/// The vectors of tokens, to which those of placeholders can be added.
final class TokenTable: Module {
    /// (V, D).
    private let table: Embedding
    /// (n, D), for the tokens from V on.
    private(set) var placeholders: Parameter?

    init(_ count: Int, _ width: Int, on device: Device) {
        table = Embedding(count, width, deviation: 0.02, on: device)
    }

    /// V + n.
    var count: Int { table.weight.shape[0] + (placeholders?.shape[0] ?? 0) }

    func setPlaceholders(_ vectors: Tensor?) {
        placeholders = vectors.map { vectors in
            precondition(
                vectors.shape.rank == 2 && vectors.shape[1] == table.weight.shape[1],
                "placeholders \(vectors.shape) do not fit a table of \(table.weight.shape)")
            let parameter = Parameter(vectors.shape, .constant(0), on: vectors.device)
            parameter.assign(vectors)
            return parameter
        }
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("weight", table.weight)
        visitor("placeholders", placeholders)
    }

    /// (ids.count, D).
    func callAsFunction(_ ids: [Int]) -> Tensor {
        let own = table.weight.shape[0]
        guard let placeholders, ids.contains(where: { $0 >= own }) else { return table(ids) }
        // Both kinds, and then in their order.
        let known = ids.indices.filter { ids[$0] < own }
        let added = ids.indices.filter { ids[$0] >= own }
        let rows = [
            table(known.map { ids[$0] }), placeholders.value.rows(at: added.map { ids[$0] - own }),
        ]
        var order = [Int](repeating: 0, count: ids.count)
        for (row, place) in (known + added).enumerated() { order[place] = row }
        return Tensor.concatenated(rows, axis: 0).rows(at: order)
    }
}
