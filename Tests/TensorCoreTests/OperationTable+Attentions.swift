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
        attention("several blocks of keys", 1, queries: 20, keys: 700, heads: 1, size: 64),
        attention("several blocks of keys, wide heads", 1, queries: 100, keys: 300, heads: 1, size: 160),
        attention("heads of 32", 2, queries: 33, keys: 40, heads: 2, size: 32),
        attention("causal", 2, queries: 9, keys: 9, heads: 2, size: 8, mask: .causal),
        attention("causal, several blocks", 1, queries: 150, keys: 150, heads: 1, size: 160, mask: .causal),
        attention("causal, more queries than keys", 1, queries: 7, keys: 4, heads: 1, size: 8, mask: .causal),
        attention("padded keys", 2, queries: 6, keys: 11, heads: 2, size: 8, mask: .keyCounts([11, 3])),
        attention("keys padded alike", 2, queries: 6, keys: 11, heads: 2, size: 8, mask: .keyCounts([5])),
        attention("padded keys, several blocks", 1, queries: 8, keys: 600, heads: 1, size: 64, mask: .keyCounts([130])),
        attention(
            "causal, padded keys", 2, queries: 9, keys: 9, heads: 2, size: 8,
            mask: .init(isCausal: true, keyCounts: [9, 4])),
        attention("a sample without keys", 3, queries: 5, keys: 6, heads: 2, size: 8, mask: .keyCounts([4, 0, 6])),
        attention(
            "a causal one without keys", 2, queries: 100, keys: 100, heads: 1, size: 4,
            mask: .init(isCausal: true, keyCounts: [0, 3])),
        attention("a bias", 3, queries: 6, keys: 6, heads: 3, size: 5, bias: .shared),
        attention("a bias for each sample", 3, queries: 6, keys: 9, heads: 2, size: 8, bias: .perSample),
        attention(
            "a bias, no scale", 2, queries: 7, keys: 5, heads: 2, size: 8, bias: .shared, scale: 1, tolerance: 4e-6),
        attention("a bias, causal", 2, queries: 9, keys: 9, heads: 2, size: 8, mask: .causal, bias: .shared),
        attention(
            "a bias, padded keys", 2, queries: 6, keys: 11, heads: 2, size: 8, mask: .keyCounts([11, 3]), bias: .shared),
        attention("a bias, several blocks", 2, queries: 100, keys: 200, heads: 1, size: 160, bias: .shared),
        attention(
            "a bias for each sample, all masks", 2, queries: 150, keys: 160, heads: 1, size: 160,
            mask: .init(isCausal: true, keyCounts: [140, 0]), bias: .perSample),
    ]

    private enum Bias {
        case none, shared, perSample
    }

    private static func attention(
        _ name: String, _ samples: Int, queries: Int, keys: Int, heads: Int, size: Int, valueSize: Int? = nil,
        mask: AttentionMask = .none, bias: Bias = .none, scale: Float? = nil, spread: Float = 1,
        tolerance: Double = 2e-6
    ) -> OperationRow {
        let valueSize = valueSize ?? size
        let scale = scale ?? 1 / Float(size).squareRoot()
        // A mask that differs from sample to sample cannot be cut with the batch here.
        func tokens(_ count: Int, _ size: Int, spread: Float) -> OperationRow.Input {
            .init(shape: [samples, count, heads * size], isBatched: !mask.isSampleDependent) { spread * $0 }
        }
        let biases: [OperationRow.Input] =
            switch bias {
            case .none: []
            case .shared: [.shared(heads, queries, keys)]
            case .perSample:
                [.init(shape: [samples, heads, queries, keys], isBatched: !mask.isSampleDependent) { $0 }]
            }
        return OperationRow(
            .attention, name,
            [
                tokens(queries, size, spread: spread), tokens(keys, size, spread: spread),
                tokens(keys, valueSize, spread: 1),
            ] + biases, tolerance: tolerance,
            compute: {
                $0[0].attention(
                    key: $0[1], value: $0[2], heads: heads, scale: scale, mask: mask.stretched(to: $0[0].shape[0]),
                    bias: $0.count > 3 ? $0[3] : nil)
            },
            reference: { inputs in
                let (q, k, v) = (inputs[0], inputs[1], inputs[2])
                var result = Plain([q.shape[0], queries, heads * valueSize]) { _ in 0 }
                for n in 0..<q.shape[0] {
                    for head in 0..<heads {
                        for i in 0..<queries {
                            let scores = (0..<mask.seen(n, i, of: keys)).map { j in
                                (0..<size).reduce(0) { $0 + q[n, i, head * size + $1] * k[n, j, head * size + $1] }
                                    * Double(scale) + (inputs.count > 3 ? inputs[3].stretched(to: [n, head, i, j]) : 0)
                            }
                            let largest = scores.max() ?? 0
                            let powers = scores.map { exp($0 - largest) }
                            let total = powers.reduce(0, +)
                            for c in head * valueSize..<(head + 1) * valueSize where !powers.isEmpty {
                                result[[n, i, c]] =
                                    powers.indices.reduce(0) { $0 + powers[$1] * v[n, $1, c] } / total
                            }
                        }
                    }
                }
                return result
            })
    }
}

extension AttentionMask {
    fileprivate var isSampleDependent: Bool { (keyCounts?.count ?? 1) > 1 }

    /// How many keys query `row` of sample `sample` attends to, by the mask's definition.
    fileprivate func seen(_ sample: Int, _ row: Int, of keys: Int) -> Int {
        let counted = keyCounts.map { $0[sample % $0.count] } ?? keys
        return isCausal ? min(counted, row + 1) : counted
    }

    /// The mask for so many samples.
    fileprivate func stretched(to samples: Int) -> AttentionMask {
        var mask = self
        mask.keyCounts = keyCounts.map { counts in (0..<samples).map { counts[$0 % counts.count] } }
        return mask
    }
}
