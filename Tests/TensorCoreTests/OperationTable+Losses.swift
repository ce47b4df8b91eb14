import TensorCore

extension OperationTable {
    static let losses: [OperationRow] =
        [
            ("mean squared", Loss.meanSquared), ("mean absolute", .meanAbsolute), ("smooth L1", .smoothL1(delta: 0.7)),
            ("Huber", .huber(delta: 0.7)),
        ].flatMap { (name: String, loss: Loss) in
            [
                row("\(name)", loss, [3, 4, 5], weights: nil),
                row("\(name), weighed", loss, [3, 7], weights: [0.5, 2, 0]),
                row("\(name), large", loss, [3, 40, 41, 5], weights: nil),
                row("\(name), points", loss, [9], weights: nil),
            ]
        }

    private static func row(_ name: String, _ loss: Loss, _ shape: [Int], weights: [Float]?) -> OperationRow {
        // The target is a constant; it is half of the prediction's scale away, on both sides of every kink.
        var stream = Philox(seed: 3, purpose: .dataset)
        let target = Plain(shape, values: stream.normals(shape.reduce(1, *)).map { Double($0) })
        return OperationRow(
            .loss, name, [OperationRow.Input(shape: shape, isBatched: false, distribution: { $0 })],
            compute: { loss($0[0], target.tensor(on: $0[0].device), weights: weights) },
            reference: { inputs in
                let size = target.count / shape[0]
                let total = target.values.indices.reduce(0.0) { sum, i in
                    sum + Double(weights?[i / size] ?? 1) * distance(loss, inputs[0][i] - target[i])
                }
                return Plain([], values: [total / Double(target.count)])
            })
    }

    private static func distance(_ loss: Loss, _ d: Double) -> Double {
        switch loss {
        case .meanSquared: return d * d
        case .meanAbsolute: return abs(d)
        case .smoothL1(let delta):
            let delta = Double(delta)
            return abs(d) < delta ? d * d / (2 * delta) : abs(d) - delta / 2
        case .huber(let delta):
            let delta = Double(delta)
            return abs(d) <= delta ? d * d / 2 : delta * (abs(d) - delta / 2)
        }
    }
}
