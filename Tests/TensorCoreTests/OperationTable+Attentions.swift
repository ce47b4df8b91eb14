import Glibc
import TensorCore

extension OperationTable {
    static let attentions: [OperationRow] = [
        attention("one head", 2, queries: 7, keys: 7, heads: 1, size: 8),
        attention("four heads", 2, queries: 9, keys: 9, heads: 4, size: 5),
        attention("heads of size 1", 2, queries: 5, keys: 5, heads: 3, size: 1),
        attention("to other tokens", 2, queries: 6, keys: 11, heads: 2, size: 8),
        attention("values of another width", 2, queries: 6, keys: 5, heads: 2, size: 4, valueSize: 7),
        attention("one token", 3, queries: 1, keys: 1, heads: 2, size: 4),
        attention("several blocks of queries", 1, queries: 150, keys: 150, heads: 2, size: 8),
        attention("sharp", 1, queries: 70, keys: 70, heads: 1, size: 16, spread: 3, tolerance: 1e-5),
    ]

    private static func attention(
        _ name: String, _ samples: Int, queries: Int, keys: Int, heads: Int, size: Int, valueSize: Int? = nil,
        spread: Float = 1, tolerance: Double = 2e-6
    ) -> OperationRow {
        let valueSize = valueSize ?? size
        let scale = 1 / Float(size).squareRoot()
        return OperationRow(
            .attention, name,
            [
                .samples(samples, queries, heads * size, distribution: { spread * $0 }),
                .samples(samples, keys, heads * size, distribution: { spread * $0 }),
                .samples(samples, keys, heads * valueSize),
            ], tolerance: tolerance,
            compute: { $0[0].attention(key: $0[1], value: $0[2], heads: heads, scale: scale) },
            reference: { inputs in
                let (q, k, v) = (inputs[0], inputs[1], inputs[2])
                var result = Plain([q.shape[0], queries, heads * valueSize]) { _ in 0 }
                for n in 0..<q.shape[0] {
                    for head in 0..<heads {
                        for i in 0..<queries {
                            let scores = (0..<keys).map { j in
                                (0..<size).reduce(0) { $0 + q[n, i, head * size + $1] * k[n, j, head * size + $1] }
                                    * Double(scale)
                            }
                            let largest = scores.max() ?? 0
                            let powers = scores.map { exp($0 - largest) }
                            let total = powers.reduce(0, +)
                            for c in head * valueSize..<(head + 1) * valueSize {
                                result[[n, i, c]] =
                                    (0..<keys).reduce(0) { $0 + powers[$1] * v[n, $1, c] } / total
                            }
                        }
                    }
                }
                return result
            })
    }
}
