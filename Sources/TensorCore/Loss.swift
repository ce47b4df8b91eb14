internal import CKernels

/// How far a prediction is from its target, element by element.
public enum Loss: Sendable, Hashable {
    /// d^2.
    case meanSquared
    /// |d|.
    case meanAbsolute
    /// d^2 / (2 delta) where |d| < delta, else |d| - delta / 2 (PyTorch's `smooth_l1_loss`).
    case smoothL1(delta: Float)
    /// d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2) (Huber 1964; PyTorch's `huber_loss`).
    case huber(delta: Float)

    /// The loss as a scalar: the mean over a sample's elements, then the weighted mean over samples.
    ///
    /// - Parameters:
    ///   - target: a constant of the prediction's shape (N, ...).
    ///   - weights: one for each sample; 1 when left out.
    public func callAsFunction(_ prediction: Tensor, _ target: Tensor, weights: [Float]? = nil) -> Tensor {
        precondition(
            prediction.shape == target.shape && prediction.shape.rank >= 1, "a target has its prediction's shape")
        let samples = prediction.shape[0]
        let weights = weights ?? [Float](repeating: 1, count: samples)
        precondition(weights.count == samples, "one weight for each sample")
        let size = prediction.elementCount / max(1, samples)
        var total = 0.0
        for (sample, loss) in perSample(prediction, target).enumerated() { total += Double(weights[sample]) * loss }
        return Tensor.scalar(Float(total / Double(max(1, samples * size))), on: prediction.device).recorded(
            .loss(self, weights: weights), inputs: [prediction], saving: [prediction, target])
    }

    /// The sum over each sample's elements.
    private func perSample(_ prediction: Tensor, _ target: Tensor) -> [Double] {
        let samples = prediction.shape[0]
        let size = prediction.elementCount / max(1, samples)
        var sums = [Double](repeating: 0, count: samples)
        sums.withUnsafeMutableBufferPointer { sums in
            nonisolated(unsafe) let sums = sums
            prediction.device.forEach(samples, work: samples * size) { sample in
                sums[sample] = ck_loss(
                    kernel, delta, prediction.pointer + sample * size, target.pointer + sample * size, size)
            }
        }
        return sums
    }

    func gradient(prediction: Tensor, target: Tensor, weights: [Float], seed: Float) -> Tensor {
        let result = Tensor(uninitialized: prediction.shape, on: prediction.device)
        let size = prediction.elementCount / max(1, weights.count)
        let mean = seed / Float(max(1, prediction.elementCount))
        prediction.device.forEach(weights.count, work: prediction.elementCount) { sample in
            ck_loss_backward(
                kernel, delta, weights[sample] * mean, result.pointer + sample * size,
                prediction.pointer + sample * size, target.pointer + sample * size, size)
        }
        return result
    }

    private var kernel: CKLoss {
        switch self {
        case .meanSquared: .squared
        case .meanAbsolute: .absolute
        case .smoothL1: .smoothL1
        case .huber: .huber
        }
    }

    private var delta: Float {
        switch self {
        case .meanSquared, .meanAbsolute: 1
        case .smoothL1(let delta), .huber(let delta): delta
        }
    }
}
