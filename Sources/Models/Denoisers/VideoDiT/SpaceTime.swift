package import TensorCore

#if canImport(Glibc)
    internal import Glibc
#endif

/// Places in time.
package enum TimePositions {
    /// Sines of each place in time, and cosines less 1 (T, D), with frequencies 10000^(-k / (D / 2)): nothing at all for the first
    /// frame. They go on as they began, so clips may be of any length.
    package static func table(_ count: Int, width: Int, on device: Device) -> Tensor {
        let half = width / 2
        let frequencies = (0..<half).map { pow(10_000, -Double($0) / Double(half)) }
        let values = (0..<count).flatMap { place -> [Float] in
            let angles = frequencies.map { Double(place) * $0 }
            return angles.map { Float(sin($0)) } + angles.map { Float(cos($0) - 1) }
        }
        return Tensor(values, shape: [count, width], on: device)
    }
}

/// Clips as pictures whose channels are those of the frames of a patch in time.
extension Tensor {
    /// (N, T, H, W, C) as (N T / p, H, W, p C). The last frame is repeated where patches lack one.
    package func foldingFrames(_ p: Int) -> Tensor {
        let (n, t, h, w, c) = (shape[0], shape[1], shape[2], shape[3], shape[4])
        if p == 1 { return reshaped(to: [n * t, h, w, c]) }
        let missing = (p - t % p) % p
        let last = sliced(axis: 1, t - 1..<t)
        let whole =
            missing == 0 ? self : .concatenated([self] + [Tensor](repeating: last, count: missing), axis: 1)
        let patches = (t + missing) / p
        return whole.reshaped(to: [n, patches, p, h, w, c]).permuted([0, 1, 3, 4, 2, 5])
            .reshaped(to: [n * patches, h, w, p * c])
    }

    /// The reverse, for clips of the shape (N, T, H, W, C).
    package func unfoldingFrames(_ p: Int, of clips: Shape) -> Tensor {
        let (n, t, h, w, c) = (clips[0], clips[1], clips[2], clips[3], clips[4])
        if p == 1 { return reshaped(to: clips) }
        let patches = shape[0] / n
        return reshaped(to: [n, patches, h, w, p, c]).permuted([0, 1, 4, 2, 3, 5])
            .reshaped(to: [n, patches * p, h, w, c]).sliced(axis: 1, 0..<t)
    }
}

/// Tokens of clips, (N T, L, D): L places in each of T frames.
extension Tensor {
    /// With a vector for each frame (T, D) added to its tokens.
    func adding(_ vectors: Tensor, toFramesOf clips: Int) -> Tensor {
        let (t, d) = (shape[0] / clips, shape[2])
        guard t > 1 else { return self }
        return (reshaped(to: [clips, t, shape[1], d]) + vectors.reshaped(to: [t, 1, d])).reshaped(to: shape)
    }

    /// What `attention` makes of all tokens of a clip together.
    package func among(clips: Int, _ attention: (Tensor) -> Tensor) -> Tensor {
        attention(reshaped(to: [clips, shape[0] / clips * shape[1], shape[2]])).reshaped(to: shape)  // (N, T L, D)
    }

    /// What `attention` makes of the tokens at each place.
    package func overTime(clips n: Int, _ attention: (Tensor) -> Tensor) -> Tensor {
        let (t, l, d) = (shape[0] / n, shape[1], shape[2])
        let places = reshaped(to: [n, t, l, d]).permuted([0, 2, 1, 3]).reshaped(to: [n * l, t, d])
        return attention(places)  // (N L, T, D)
            .reshaped(to: [n, l, t, d]).permuted([0, 2, 1, 3]).reshaped(to: shape)
    }
}
