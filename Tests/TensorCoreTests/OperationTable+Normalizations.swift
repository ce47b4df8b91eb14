import Glibc
import TensorCore

extension OperationTable {
    static let normalizations: [OperationRow] = groupNorms + layerNorms + rmsNorms + modulations + softmaxes

    private static let groupNorms: [OperationRow] =
        [NormActivation.identity, .silu].flatMap { activation in
            [
                groupNorm("4 groups", .samples(2, 5, 6, 8), groups: 4, activation),
                groupNorm("one group", .samples(2, 4, 5, 6), groups: 1, activation),
                groupNorm("a group for each channel", .samples(2, 4, 5, 6), groups: 6, epsilon: 1e-6, activation),
                groupNorm("odd width", .samples(1, 3, 3, 24), groups: 8, activation),
                groupNorm("one pixel", .samples(3, 1, 1, 8), groups: 2, activation),
                groupNorm("tokens", .samples(2, 11, 8), groups: 4, activation),
                groupNorm("large epsilon", .samples(2, 4, 4, 8), groups: 2, epsilon: 0.1, activation),
                groupNorm("several chunks", .samples(2, 40, 41, 24), groups: 8, activation),
            ]
        } + [
            groupNorm(
                "far from zero", .samples(2, 4, 4, 8, distribution: { 30 + $0 }), groups: 4, .identity, tolerance: 1e-5)
        ]

    private static func groupNorm(
        _ name: String, _ input: OperationRow.Input, groups: Int, epsilon: Float = 1e-5, _ activation: NormActivation,
        tolerance: Double = 2e-6
    ) -> OperationRow {
        let channels = input.shape[input.shape.count - 1]
        return OperationRow(
            .groupNorm, "\(name)\(activation == .silu ? ", then SiLU" : "")",
            [input, .shared(channels, distribution: { 1 + $0 }), .shared(channels)], tolerance: tolerance,
            compute: {
                $0[0].groupNorm(
                    weight: $0[1], bias: $0[2], groups: groups, epsilon: epsilon, activation: activation)
            },
            reference: { inputs in
                let shape = inputs[0].shape
                let positions = inputs[0].count / shape[0] / channels
                let x = inputs[0].viewed([shape[0], positions, channels])
                let size = channels / groups
                var result = x
                for n in 0..<shape[0] {
                    for group in 0..<groups {
                        let members = group * size..<(group + 1) * size
                        let (mean, deviation) = moments(
                            (0..<positions).flatMap { p in members.map { x[n, p, $0] } }, epsilon)
                        for p in 0..<positions {
                            for c in members {
                                let y = (x[n, p, c] - mean) / deviation * inputs[1][c] + inputs[2][c]
                                result[[n, p, c]] = activation == .silu ? y / (1 + exp(-y)) : y
                            }
                        }
                    }
                }
                return result.viewed(shape)
            })
    }

    private static let layerNorms: [OperationRow] = [
        layerNorm("affine", .samples(2, 7, 12)),
        layerNorm("plain", .samples(2, 7, 12), epsilon: 1e-6, affine: false),
        layerNorm("odd rows", .samples(5, 33)),
        layerNorm("wide", .samples(3, 130)),
        layerNorm("several chunks", .samples(3, 300, 40)),
    ]

    private static func layerNorm(
        _ name: String, _ input: OperationRow.Input, epsilon: Float = 1e-5, affine: Bool = true
    ) -> OperationRow {
        let channels = input.shape[input.shape.count - 1]
        return OperationRow(
            .layerNorm, name,
            [input] + (affine ? [.shared(channels, distribution: { 1 + $0 }), .shared(channels)] : []),
            compute: {
                $0[0].layerNorm(
                    weight: affine ? $0[1] : nil, bias: affine ? $0[2] : nil, epsilon: epsilon)
            },
            reference: { inputs in
                var result = inputs[0].viewed([inputs[0].count / channels, channels])
                for row in 0..<result.shape[0] {
                    let (mean, deviation) = moments((0..<channels).map { result[row, $0] }, epsilon)
                    for c in 0..<channels {
                        let y = (result[row, c] - mean) / deviation
                        result[[row, c]] = affine ? y * inputs[1][c] + inputs[2][c] : y
                    }
                }
                return result.viewed(inputs[0].shape)
            })
    }

    private static let rmsNorms: [OperationRow] = [
        rmsNorm("affine", .samples(2, 7, 12)),
        rmsNorm("plain", .samples(2, 7, 12), affine: false),
        rmsNorm("heads", .samples(2, 5, 3, 16)),
        rmsNorm("odd rows", .samples(5, 33), epsilon: 0.1),
        rmsNorm("one number", .samples(3, 1), epsilon: 0.5),
        rmsNorm("several chunks", .samples(3, 300, 40)),
        rmsNorm("several chunks, plain", .samples(3, 300, 40), affine: false),
    ]

    private static func rmsNorm(
        _ name: String, _ input: OperationRow.Input, epsilon: Float = 1e-6, affine: Bool = true
    ) -> OperationRow {
        let channels = input.shape[input.shape.count - 1]
        return OperationRow(
            .rmsNorm, name, [input] + (affine ? [.shared(channels, distribution: { 1 + $0 })] : []),
            compute: { $0[0].rmsNorm(weight: affine ? $0[1] : nil, epsilon: epsilon) },
            reference: { inputs in
                var result = inputs[0].viewed([inputs[0].count / channels, channels])
                for row in 0..<result.shape[0] {
                    let squares = (0..<channels).reduce(0) { $0 + result[row, $1] * result[row, $1] }
                    let root = (squares / Double(channels) + Double(epsilon)).squareRoot()
                    for c in 0..<channels { result[[row, c]] *= (affine ? inputs[1][c] : 1) / root }
                }
                return result.viewed(inputs[0].shape)
            })
    }

    private static let modulations: [OperationRow] =
        [(2, 7, 12), (3, 1, 33), (1, 300, 64), (2, 150, 130)].flatMap { samples, tokens, channels in
            let name = "\(samples) x \(tokens) tokens, \(channels) channels"
            let x = OperationRow.Input.samples(samples, tokens, channels)
            let vector = OperationRow.Input.samples(samples, channels)
            return [
                OperationRow(
                    .layerNormModulated, name, [x, vector, vector],
                    compute: { $0[0].layerNormModulated(shift: $0[1], scale: $0[2], epsilon: 1e-6) },
                    reference: { inputs in
                        let (x, shift, scale) = (inputs[0], inputs[1], inputs[2])
                        var result = x
                        for n in 0..<x.shape[0] {
                            for l in 0..<tokens {
                                let (mean, deviation) = moments((0..<channels).map { x[n, l, $0] }, 1e-6)
                                for c in 0..<channels {
                                    result[[n, l, c]] =
                                        (x[n, l, c] - mean) / deviation * (1 + scale[n, c]) + shift[n, c]
                                }
                            }
                        }
                        return result
                    }),
                OperationRow(
                    .gatedSum, name, [x, x, vector], compute: { $0[0].adding($0[1], gatedBy: $0[2]) },
                    reference: { inputs in
                        Plain(inputs[0].shape) { inputs[0][$0] + inputs[2][$0[0], $0[2]] * inputs[1][$0] }
                    }),
            ]
        }

    /// The mean, and the root of the variance plus epsilon.
    private static func moments(_ values: [Double], _ epsilon: Float) -> (mean: Double, deviation: Double) {
        let mean = values.reduce(0, +) / Double(values.count)
        let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
        return (mean, (variance + Double(epsilon)).squareRoot())
    }

    private static let softmaxes: [OperationRow] = [
        softmax("rows", .samples(3, 4, 9)), softmax("one column", .samples(5, 1)),
        softmax("large values", .samples(4, 33, distribution: { 20 * $0 })),
        softmax("long", .samples(2, 1000, distribution: { 3 * $0 })),
        softmax("several chunks", .samples(3, 400, 30)),
    ]

    private static func softmax(_ name: String, _ input: OperationRow.Input) -> OperationRow {
        let columns = input.shape[input.shape.count - 1]
        return OperationRow(
            .softmax, name, [input], compute: { $0[0].softmax() },
            reference: { inputs in
                var result = inputs[0].viewed([inputs[0].count / columns, columns])
                for row in 0..<result.shape[0] {
                    let largest = (0..<columns).map { result[row, $0] }.max() ?? 0
                    let powers = (0..<columns).map { exp(result[row, $0] - largest) }
                    let total = powers.reduce(0, +)
                    for column in 0..<columns { result[[row, column]] = powers[column] / total }
                }
                return result.viewed(inputs[0].shape)
            })
    }
}
