import TensorCore

extension OperationTable {
    static let shapes: [OperationRow] = broadcasts + sums + rearrangements + joins

    private static let broadcasts: [OperationRow] = [
        OperationRow(
            .broadcast, "a middle axis", [.samples(3, 1, 4)],
            compute: { $0[0].broadcast(to: [$0[0].shape[0], 5, 4]) },
            reference: { x in Plain([x[0].shape[0], 5, 4]) { x[0].stretched(to: $0) } }),
        OperationRow(
            .broadcast, "new axes", [.shared(3, 1, 4)], compute: { $0[0].broadcast(to: [2, 3, 5, 4]) },
            reference: { x in Plain([2, 3, 5, 4]) { x[0].stretched(to: $0) } }),
        OperationRow(
            .broadcast, "a number", [.shared()], compute: { $0[0].broadcast(to: [7]) },
            reference: { x in Plain([7]) { _ in x[0][0] } }),
        OperationRow(
            .broadcast, "large", [.samples(2, 1, 19)],
            compute: { $0[0].broadcast(to: [$0[0].shape[0], 1500, 19]) },
            reference: { x in Plain([x[0].shape[0], 1500, 19]) { x[0].stretched(to: $0) } }),
    ]

    private static let sums: [OperationRow] = [
        sum("of everything", .shared(3, 5, 7), to: []),
        sum("of much", .shared(40_001), to: []),
        sum("of nothing but the number of axes", .shared(1, 1, 4), to: [4]),
        sum("over rows", .shared(6, 5), to: [5]),
        sum("over many rows", .shared(7_001, 11), to: [11]),
        sum("within rows", .shared(7, 33), to: [7, 1]),
        sum("in the middle", .shared(3, 4, 5), to: [3, 1, 5]),
        sum("at both ends", .shared(3, 4, 5), to: [1, 4, 1]),
        sum("in two places", .shared(2, 3, 4, 5), to: [2, 1, 4, 1]),
        sum("of an image's pixels", .shared(4, 40, 41, 9), to: [4, 1, 1, 9]),
        OperationRow(
            .sum, "mean", [.shared(3, 5)], compute: { $0[0].mean() },
            reference: { Plain([], values: [$0[0].sum() / Double($0[0].count)]) }),
        OperationRow(
            .sum, "within a sample's rows", [.samples(3, 6, 17)],
            compute: { $0[0].sum(to: [$0[0].shape[0], 6, 1]) },
            reference: { x in
                Plain([x[0].shape[0], 6, 1]) { i in (0..<17).reduce(0) { $0 + x[0][i[0], i[1], $1] } }
            }),
    ]

    private static func sum(_ name: String, _ input: OperationRow.Input, to target: [Int]) -> OperationRow {
        OperationRow(
            .sum, name, [input], compute: { $0[0].sum(to: Shape(target)) },
            reference: { inputs in
                var total = Plain(target) { _ in 0 }
                let missing = input.shape.count - target.count
                _ = Plain(input.shape) { index in
                    total[target.indices.map { target[$0] == 1 ? 0 : index[$0 + missing] }] += inputs[0][index]
                    return 0
                }
                return total
            })
    }

    private static let rearrangements: [OperationRow] =
        [
            OperationRow(
                .reshape, "flattened", [.samples(3, 4, 5)],
                compute: { $0[0].reshaped(to: [$0[0].shape[0], 20]) },
                reference: { $0[0].viewed([$0[0].shape[0], 20]) })
        ]
        + [
            ([0, 2, 1], [3, 4, 5]), ([0, 2, 3, 1], [2, 3, 4, 5]), ([0, 3, 1, 2], [2, 3, 4, 5]),
            ([0, 2, 1, 3], [2, 7, 3, 5]), ([0, 1, 4, 3, 2], [2, 3, 2, 3, 4]), ([0, 2, 1], [3, 130, 60]), ([0], [5]),
        ].map { (order: [Int], shape: [Int]) in
            permutation(
                order, OperationRow.Input(shape: shape, isBatched: true, distribution: { $0 }))
        } + [permutation([1, 0], .shared(5, 7)), permutation([2, 0, 1], .shared(3, 4, 5))]

    private static func permutation(_ order: [Int], _ input: OperationRow.Input) -> OperationRow {
        OperationRow(
            .permute, "\(order) of \(input.shape)", [input], compute: { $0[0].permuted(order) },
            reference: { x in
                Plain(order.map { x[0].shape[$0] }) { index in
                    var own = index
                    for (position, axis) in order.enumerated() { own[axis] = index[position] }
                    return x[0][own]
                }
            })
    }

    private static let joins: [OperationRow] = [
        concatenation("channels", axis: 2, .samples(2, 3, 4), .samples(2, 3, 5)),
        concatenation("a middle axis", axis: 1, .samples(2, 3, 4), .samples(2, 1, 4), .samples(2, 2, 4)),
        concatenation("samples", axis: 0, .shared(2, 3), .shared(3, 3)),
        concatenation("large", axis: 1, .samples(900, 17), .samples(900, 32)),
        slice("samples", axis: 0, 1..<3, .shared(4, 3, 2)),
        slice("a middle axis", axis: 1, 2..<4, .samples(3, 5, 2)),
        slice("channels", axis: 2, 1..<8, .samples(3, 5, 9)),
        slice("one channel", axis: 1, 8..<9, .samples(3, 9)),
        slice("large", axis: 1, 5..<30, .samples(1300, 40)),
        embedding("repeated rows", [3, 0, 3, 9, 1, 3], .shared(10, 6)),
        embedding("one row", [0], .shared(1, 1)),
        embedding("wide", [1, 1, 0], .shared(2, 130)),
    ]

    private static func concatenation(_ name: String, axis: Int, _ parts: OperationRow.Input...) -> OperationRow {
        OperationRow(
            .concatenate, name, parts, compute: { .concatenated($0, axis: axis) },
            reference: { parts in
                var shape = parts[0].shape
                shape[axis] = parts.reduce(0) { $0 + $1.shape[axis] }
                return Plain(shape) { index in
                    var index = index
                    for part in parts {
                        if index[axis] < part.shape[axis] { return part[index] }
                        index[axis] -= part.shape[axis]
                    }
                    return .nan
                }
            })
    }

    private static func slice(_ name: String, axis: Int, _ range: Range<Int>, _ input: OperationRow.Input)
        -> OperationRow
    {
        OperationRow(
            .slice, name, [input], compute: { $0[0].sliced(axis: axis, range) },
            reference: { x in
                var shape = x[0].shape
                shape[axis] = range.count
                return Plain(shape) { index in
                    var index = index
                    index[axis] += range.lowerBound
                    return x[0][index]
                }
            })
    }

    private static func embedding(_ name: String, _ indices: [Int], _ table: OperationRow.Input) -> OperationRow {
        OperationRow(
            .embedding, name, [table], compute: { $0[0].rows(at: indices) },
            reference: { x in Plain([indices.count, x[0].shape[1]]) { x[0][indices[$0[0]], $0[1]] } })
    }
}
