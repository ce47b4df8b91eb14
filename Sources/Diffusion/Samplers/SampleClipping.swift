internal import Configurations
internal import TensorCore

/// What is done to a predicted x_0 before it is used.
enum SampleClipping: Sendable, Hashable {
    case none
    /// Limited to -range ... range.
    case fixed(range: Double)
    /// Dynamic thresholding (Saharia et al. 2022, "Imagen", section 2.3): limited to the `ratio` quantile s of each
    /// sample's absolute values, 1 <= s <= `maximum`, and divided by it.
    case dynamic(ratio: Double, maximum: Double)

    init(_ configuration: SchedulerConfiguration) {
        if configuration.thresholding {
            self = .dynamic(ratio: configuration.dynamicThresholdingRatio, maximum: configuration.sampleMaxValue)
        } else if configuration.clipSample {
            self = .fixed(range: configuration.clipSampleRange)
        } else {
            self = .none
        }
    }

    /// - Parameter x0: (N, ...).
    func callAsFunction(_ x0: Tensor) -> Tensor {
        switch self {
        case .none:
            return x0
        case .fixed(let range):
            return x0.clamped(to: Float(-range)...Float(range))
        case .dynamic(let ratio, let maximum):
            let count = x0.shape[0]
            let size = x0.elementCount / max(count, 1)
            let limits = x0.withSpan { values in
                (0..<count).map { n in
                    var magnitudes: [Float] = []
                    magnitudes.reserveCapacity(size)
                    for i in n * size..<(n + 1) * size { magnitudes.append(abs(values[i])) }
                    return Float(min(max(quantile(ratio, of: magnitudes), 1), maximum))
                }
            }
            var shape = x0.shape
            for axis in 1..<shape.rank { shape[axis] = 1 }
            return (x0 / Tensor(limits, shape: shape, on: x0.device)).clamped(to: -1...1)
        }
    }

    /// The value below which a share `ratio` in 0...1 of `values` lies, interpolated linearly between neighbours.
    private func quantile(_ ratio: Double, of values: [Float]) -> Double {
        let sorted = values.sorted()
        let rank = ratio * Double(sorted.count - 1)
        let below = Int(rank)
        let above = min(below + 1, sorted.count - 1)
        return Double(sorted[below]) + (rank - Double(below)) * (Double(sorted[above]) - Double(sorted[below]))
    }
}
