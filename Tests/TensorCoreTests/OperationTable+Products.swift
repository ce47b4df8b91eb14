import TensorCore

extension OperationTable {
    static let products: [OperationRow] = linears + finishedLinears + matmuls

    private static let linears: [OperationRow] = [
        linear("odd", .samples(5, 7), outputs: 4),
        linear("no bias", .samples(5, 7), outputs: 4, bias: false),
        linear("one row", .samples(1, 16), outputs: 64),
        linear("one number", .samples(3, 1), outputs: 1),
        linear("narrow result", .samples(25, 33), outputs: 2),
        linear("wider than a block", .samples(3, 20), outputs: 600),
        linear("more rows than a group", .samples(70, 31), outputs: 17),
        linear("tokens", .samples(2, 9, 12), outputs: 20),
        linear("tokens that fill no group", .samples(9, 5, 24), outputs: 8),
        linear("tokens of several blocks", .samples(2, 300, 6), outputs: 5),
        linear("pixels", .samples(3, 5, 7, 16), outputs: 48, bias: false),
        linear("weights summed in slices", .samples(3, 300, 5), outputs: 3),
        linear("weights cut by rows", .samples(2, 33, 256), outputs: 256, tolerance: 4e-6),
    ]

    private static func linear(
        _ name: String, _ input: OperationRow.Input, outputs: Int, bias: Bool = true, tolerance: Double = 2e-6
    ) -> OperationRow {
        let width = input.shape[input.shape.count - 1]
        return OperationRow(
            .linear, name, [input, .shared(outputs, width)] + (bias ? [.shared(outputs)] : []), tolerance: tolerance,
            compute: { $0[0].linear($0[1], bias: $0.count > 2 ? $0[2] : nil) },
            reference: { inputs in
                let (x, weight) = (inputs[0], inputs[1])
                let rows = x.count / width
                let result = Plain([rows, outputs]) { i in
                    (0..<width).reduce(inputs.count > 2 ? inputs[2][i[1]] : 0) {
                        $0 + x.values[i[0] * width + $1] * weight[i[1], $1]
                    }
                }
                return result.viewed(x.shape.dropLast() + [outputs])
            })
    }

    /// With an activation, a residual, or both. All numbers are halves, away from the kink of ReLU.
    private static let finishedLinears: [OperationRow] =
        Activation.allCases.flatMap { (activation: Activation) in
            [
                finishedLinear("\(activation)", activation, hasResidual: false),
                finishedLinear("\(activation), plus a residual", activation, hasResidual: true),
            ]
        } + [finishedLinear("plus a residual", nil, hasResidual: true)]

    private static func finishedLinear(
        _ name: String, _ activation: Activation?, hasResidual: Bool
    ) -> OperationRow {
        let plain = linear(name, .samples(3, 7, 9, distribution: { $0.rounded() }), outputs: 35)
        var inputs = plain.inputs
        inputs[1].distribution = { ($0 * 0.7).rounded() }
        inputs[2].distribution = { $0.rounded() + 0.5 }
        return OperationRow(
            .linear, name, inputs + (hasResidual ? [.samples(3, 7, 35)] : []),
            compute: { $0[0].linear($0[1], bias: $0[2], then: activation, plus: hasResidual ? $0[3] : nil) },
            reference: { inputs in
                var result = plain.reference(Array(inputs.prefix(3)))
                if let activation { result = result.map { OperationTable.plain(activation.unary, $0) } }
                if hasResidual { for i in result.values.indices { result.values[i] += inputs[3][i] } }
                return result
            })
    }

    private static let matmuls: [OperationRow] =
        [(false, false), (true, false), (false, true), (true, true)].flatMap { (transposeA: Bool, transposeB: Bool) in
            [
                matmul("stack", [3, 2], rows: 5, inner: 7, columns: 4, transposeA, transposeB),
                matmul("one number", [3], rows: 1, inner: 1, columns: 1, transposeA, transposeB),
                matmul("large", [2], rows: 33, inner: 70, columns: 65, transposeA, transposeB),
            ]
        }

    private static func matmul(
        _ name: String, _ stack: [Int], rows: Int, inner: Int, columns: Int, _ transposeA: Bool, _ transposeB: Bool
    ) -> OperationRow {
        func input(_ a: Int, _ b: Int, _ isTransposed: Bool) -> OperationRow.Input {
            OperationRow.Input(
                shape: stack + (isTransposed ? [b, a] : [a, b]), isBatched: true, distribution: { $0 })
        }
        return OperationRow(
            .matmul, "\(name)\(transposeA ? ", a transposed" : "")\(transposeB ? ", b transposed" : "")",
            [input(rows, inner, transposeA), input(inner, columns, transposeB)],
            compute: { $0[0].matmul($0[1], transposeA: transposeA, transposeB: transposeB) },
            reference: { inputs in
                let (a, b) = (inputs[0], inputs[1])
                let count = a.count / (rows * inner)
                let (sa, sb) = (a.viewed([count] + a.shape.suffix(2)), b.viewed([count] + b.shape.suffix(2)))
                let result = Plain([count, rows, columns]) { i in
                    (0..<inner).reduce(0) {
                        $0 + (transposeA ? sa[i[0], $1, i[1]] : sa[i[0], i[1], $1])
                            * (transposeB ? sb[i[0], i[2], $1] : sb[i[0], $1, i[2]])
                    }
                }
                return result.viewed(a.shape.dropLast(2) + [rows, columns])
            })
    }
}
