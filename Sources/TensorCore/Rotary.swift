internal import CKernels

/// Which features of a head are turned together by a rotary position embedding.
public enum RotaryPairs: Sendable, Hashable {
    /// Neighbours, 2i and 2i + 1, as RoFormer and Flux have them.
    case interleaved
    /// i and i + size / 2, as GPT-NeoX and LLaMA have them.
    case halves

    var kernel: CKRotaryPairs {
        switch self {
        case .interleaved: .interleaved
        case .halves: .halves
        }
    }
}

extension Tensor {
    /// Rotary position embedding of queries or keys (Su et al. 2021, "RoFormer", section 3.4.2): each pair (a, b) of a
    /// head's features becomes (a cos - b sin, b cos + a sin).
    ///
    /// - Parameters:
    ///   - cosines: of the angles of each position and pair (L, size / 2), the same for all samples and heads.
    ///     Constants, as are the `sines` (L, size / 2).
    ///   - pairs: which features are pair 0, 1, ...
    /// - Returns: (N, L, D) for tokens (N, L, D) with heads of an even size side by side.
    public func rotated(cosines: Tensor, sines: Tensor, pairs: RotaryPairs) -> Tensor {
        precondition(
            shape.rank == 3 && cosines.shape.rank == 2 && cosines.shape == sines.shape
                && cosines.shape[0] == shape[1] && cosines.shape[1] > 0 && shape[2] % (2 * cosines.shape[1]) == 0,
            "angles \(cosines.shape), \(sines.shape) do not fit tokens \(shape)")
        precondition(!cosines.isTracked && !sines.isTracked, "the angles of a rotation have no gradient")
        return Rotary.rotate(self, cosines: cosines, sines: sines, pairs: pairs, inverse: false).recorded(
            .rotary(pairs), inputs: [self], saving: [cosines, sines])
    }
}

enum Rotary {
    /// The rotation, or with `inverse` the one back, which takes gradients of the result to gradients of the input.
    static func rotate(
        _ x: Tensor, cosines: Tensor, sines: Tensor, pairs: RotaryPairs, inverse: Bool
    ) -> Tensor {
        let (tokens, half) = (x.shape[1], cosines.shape[1])
        let (size, heads) = (2 * half, x.shape[2] / (2 * half))
        let result = Tensor(uninitialized: x.shape, on: x.device)
        let chunks = SampleChunks(x.shape)
        x.device.forEach(chunks.count, work: x.elementCount) { index in
            let chunk = chunks[index]
            let angle = (chunk.row - chunk.sample * tokens) * half
            ck_rotary(
                pairs.kernel, result.pointer + chunk.offset, x.pointer + chunk.offset, cosines.pointer + angle,
                sines.pointer + angle, inverse, chunk.rows, heads, size)
        }
        return result
    }
}
