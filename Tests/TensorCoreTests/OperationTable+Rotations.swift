import Glibc
import TensorCore

extension OperationTable {
    static let rotations: [OperationRow] = [RotaryPairs.interleaved, .halves].flatMap { pairs in
        [
            rotation("one head", .samples(2, 5, 8), heads: 1, pairs),
            rotation("three heads", .samples(2, 7, 3 * 10), heads: 3, pairs),
            rotation("one pair", .samples(3, 4, 2), heads: 1, pairs),
            rotation("one token", .samples(2, 1, 64), heads: 2, pairs),
            rotation("several chunks", .samples(2, 150, 4 * 64), heads: 4, pairs),
        ]
    }

    private static func rotation(
        _ name: String, _ input: OperationRow.Input, heads: Int, _ pairs: RotaryPairs
    ) -> OperationRow {
        let (tokens, size) = (input.shape[1], input.shape[2] / heads)
        let half = size / 2
        let angles = Plain([tokens, half]) { Double($0[0]) * pow(10_000, -Double($0[1]) / Double(half)) + 0.3 }
        let (cosines, sines) = (angles.map { Double(Float(cos($0))) }, angles.map { Double(Float(sin($0))) })
        return OperationRow(
            .rotary, "\(name), \(pairs)", [input],
            compute: {
                $0[0].rotated(
                    cosines: cosines.tensor(on: $0[0].device), sines: sines.tensor(on: $0[0].device), pairs: pairs)
            },
            reference: { x in
                Plain(x[0].shape) { index in
                    let (n, token, c) = (index[0], index[1], index[2])
                    let (head, feature) = c.quotientAndRemainder(dividingBy: size)
                    let (pair, isFirst) =
                        pairs == .interleaved ? (feature / 2, feature % 2 == 0) : (feature % half, feature < half)
                    let other = pairs == .interleaved ? feature ^ 1 : (feature + half) % size
                    let sine = isFirst ? -sines[token, pair] : sines[token, pair]
                    return x[0][n, token, c] * cosines[token, pair] + x[0][n, token, head * size + other] * sine
                }
            })
    }
}
