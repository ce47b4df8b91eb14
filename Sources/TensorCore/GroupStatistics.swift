internal import CKernels

/// The statistics of a group norm over images of which only a part is there at a time.
///
/// Sums are kept as double and added in a fixed order: the windows', and within one that of its rows.
public struct GroupStatistics {
    /// Of each sample, over pixels: x for each channel, then its square (N, 2, C).
    private var sums: [Double]
    private let channels: Int
    /// Pixels of a sample so far.
    private var positions = 0

    public init(samples: Int, channels: Int) {
        sums = [Double](repeating: 0, count: samples * 2 * channels)
        self.channels = channels
    }

    /// Adds the pixels of a window of images (N, H, W, C).
    public mutating func add(_ x: Tensor, in window: Window) {
        precondition(
            window.fits(x.shape) && x.shape[3] == channels && x.shape[0] * 2 * channels == sums.count,
            "the window \(window) of \(x.shape) does not belong to these statistics")
        let (rows, columns) = (window.rows.count, window.columns.count)
        let count = 2 * channels
        positions += rows * columns
        x.device.withDoubles(x.shape[0] * rows * count) { parts in
            x.device.forEach(x.shape[0] * rows, work: x.shape[0] * rows * columns * channels) { index in
                let line = index / rows * x.shape[1] + window.rows.lowerBound + index % rows
                let start = (line * x.shape[2] + window.columns.lowerBound) * channels
                ck_group_norm_sums(parts + index * count, x.pointer + start, columns, channels)
            }
            if x.device.isRehearsal { return }
            for index in 0..<x.shape[0] * rows {
                let sample = index / rows * count
                for place in 0..<count { sums[sample + place] += parts[index * count + place] }
            }
        }
    }

    /// Means and reciprocal standard deviations (2, N, groups), for `Tensor.groupNorm(weight:bias:statistics:activation:)`.
    public func values(groups: Int, epsilon: Float, on device: Device) -> Tensor {
        precondition(channels % groups == 0, "\(groups) groups do not divide \(channels) channels")
        let samples = sums.count / (2 * channels)
        let result = Tensor(uninitialized: [2, samples, groups], on: device)
        sums.withUnsafeBufferPointer { sums in
            guard let base = sums.baseAddress else { return }
            for sample in 0..<samples {
                ck_group_norm_statistics(
                    result.pointer + sample * groups, result.pointer + (samples + sample) * groups,
                    base + sample * 2 * channels, 1, positions, channels, groups, Double(epsilon))
            }
        }
        return result
    }
}
