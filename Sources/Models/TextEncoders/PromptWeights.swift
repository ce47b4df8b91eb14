internal import TensorCore

extension TextEncoding {
    /// The encoding of prompts whose tokens count more or less, as AUTOMATIC1111's web UI has it ("original" emphasis):
    /// each vector times its token's weight, and then all of a sequence times what gives them their mean back. Pooled
    /// vectors are left alone.
    ///
    /// - Parameter weights: (N, S), of the sequences' tokens.
    public func weighted(by weights: [[Float]]) -> TextEncoding {
        precondition(
            weights.count == tokens.shape[0] && weights.allSatisfy { $0.count == tokens.shape[1] },
            "there is a weight for each token of \(tokens.shape)")
        guard weights.joined().contains(where: { $0 != 1 }) else { return self }
        // One by one, so that a sequence's bits do not depend on the others.
        let sequences = weights.enumerated().map { index, weights in
            let z = tokens.sliced(axis: 0, index..<index + 1)  // (1, S, D)
            guard weights.contains(where: { $0 != 1 }) else { return z }
            let weighted = z * Tensor(weights, shape: [1, weights.count, 1], on: z.device)  // (1, S, D)
            return weighted * (z.mean() / weighted.mean())  // (1, S, D)
        }
        return TextEncoding(tokens: .concatenated(sequences, axis: 0), pooled: pooled)  // (N, S, D)
    }
}
