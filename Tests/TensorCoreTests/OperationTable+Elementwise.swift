import Glibc
import TensorCore

extension OperationTable {
    static let elementwise: [OperationRow] =
        [
            OperationRow(.leaf, "itself", [.samples(3, 5)], compute: { $0[0] }, reference: { $0[0] }),
            OperationRow(
                .affine, "a x + b", [.samples(3, 37)], compute: { $0[0].scaled(by: -1.7, offset: 0.3) },
                reference: { $0[0].map { Double(Float(-1.7)) * $0 + Double(Float(0.3)) } }),
            OperationRow(
                .affine, "2 - x / 4", [.samples(2, 3, 5)], compute: { 2 - $0[0] / 4 },
                reference: { $0[0].map { 2 - $0 / 4 } }),
            OperationRow(
                .clamp, "-0.5...0.75", [.samples(4, 41, distribution: { ($0 * 32).rounded() / 32 + 0.01 })],
                compute: { $0[0].clamped(to: -0.5...0.75) },
                reference: { $0[0].map { min(max($0, -0.5), 0.75) } }),
        ] + Unary.allCases.flatMap(unary) + binaries

    /// Sizes around the widths of vectors, and one that is cut into several chunks.
    private static func unary(_ function: Unary) -> [OperationRow] {
        let distribution: @Sendable (Float) -> Float =
            switch function {
            case .log, .squareRoot: { 0.5 + abs($0) }
            // Away from the kink by more than a finite difference.
            case .relu, .magnitude: { $0 < 0 ? $0 - 0.01 : $0 + 0.01 }
            default: { 2 * $0 }
            }
        func row(_ name: String, _ input: OperationRow.Input) -> OperationRow {
            OperationRow(
                .unary, "\(function.rawValue) \(name)", [input], compute: { function.apply($0[0]) },
                reference: { $0[0].map { plain(function, $0) } })
        }
        return [
            row("odd", .samples(3, 37, distribution: distribution)),
            row("large", .samples(3, 13_001, distribution: distribution)),
        ]
    }

    static func plain(_ function: Unary, _ x: Double) -> Double {
        switch function {
        case .silu: x / (1 + exp(-x))
        case .gelu: x * 0.5 * (1 + erf(x / 2.0.squareRoot()))
        case .geluTanh: x * 0.5 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        case .quickGELU: x / (1 + exp(-1.702 * x))
        case .relu: max(0, x)
        case .exp: exp(x)
        case .log: log(x)
        case .squareRoot: x.squareRoot()
        case .square: x * x
        case .magnitude: abs(x)
        case .tanh: tanh(x)
        case .sigmoid: 1 / (1 + exp(-x))
        case .sin: sin(x)
        case .cos: cos(x)
        case .negate: -x
        }
    }

    private static let binaries: [OperationRow] =
        binary(.add, { $0 + $1 }, { $0 + $1 }) + binary(.subtract, { $0 - $1 }, { $0 - $1 })
        + binary(.multiply, { $0 * $1 }, { $0 * $1 }) + binary(.divide, { $0 / $1 }, { $0 / $1 })
        + [
            OperationRow(
                .multiply, "with itself", [.samples(2, 9)], compute: { $0[0] * $0[0] },
                reference: { $0[0].map { $0 * $0 } })
        ]

    private static func binary(
        _ kind: Operation.Kind, _ compute: @escaping @Sendable (Tensor, Tensor) -> Tensor,
        _ plain: @escaping @Sendable (Double, Double) -> Double
    ) -> [OperationRow] {
        // A divisor keeps away from 0.
        let away: @Sendable (Float) -> Float = { kind == .divide ? ($0 < 0 ? $0 - 0.5 : $0 + 0.5) : $0 }
        func row(_ name: String, _ a: OperationRow.Input, _ b: OperationRow.Input) -> OperationRow {
            OperationRow(
                kind, name, [a, b], compute: { compute($0[0], $0[1]) },
                reference: { inputs in
                    Plain(common(inputs[0].shape, inputs[1].shape)) {
                        plain(inputs[0].stretched(to: $0), inputs[1].stretched(to: $0))
                    }
                })
        }
        return [
            row("same shape", .samples(2, 3, 7), .samples(2, 3, 7, distribution: away)),
            row("a row for all", .samples(2, 3, 5), .shared(5, distribution: away)),
            row("a number for all", .samples(3, 5), .shared(distribution: away)),
            row("a number first", .shared(), .samples(3, 5, distribution: away)),
            row("a number for each row", .samples(4, 3, 6), .samples(4, 3, 1, distribution: away)),
            row("both stretched", .samples(4, 3, 1), .shared(1, 1, 5, distribution: away)),
            row("a row for each sample", .samples(3, 4, 5, 6), .samples(3, 1, 1, 6, distribution: away)),
            row("a column in the middle", .samples(2, 3, 4, 5), .shared(3, 1, 1, distribution: away)),
            row("large", .samples(3, 40, 41, 9), .samples(3, 1, 1, 9, distribution: away)),
        ]
    }

    /// The shape that broadcasting gives.
    private static func common(_ a: [Int], _ b: [Int]) -> [Int] {
        let rank = max(a.count, b.count)
        let (a, b) = (
            Array(repeating: 1, count: rank - a.count) + a, Array(repeating: 1, count: rank - b.count) + b
        )
        return zip(a, b).map { max($0, $1) }
    }
}
