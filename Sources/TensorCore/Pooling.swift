internal import CKernels

/// Operations of networks that are only ever used, not trained: no tape records them.
extension Tensor {
    /// The largest value in each window of (N, H, W, C). Positions outside the image don't count.
    ///
    /// - Returns: (N, H', W', C).
    public func maxPooled(_ geometry: ConvolutionGeometry) -> Tensor {
        pooled(geometry) { ck_max_pool($0, $1, $2, 0, $3) }
    }

    /// The mean of each window of (N, H, W, C) over those of its positions that lie in the image (PyTorch's
    /// `count_include_pad=False`).
    ///
    /// - Returns: (N, H', W', C).
    public func averagePooled(_ geometry: ConvolutionGeometry) -> Tensor {
        func mean(_ x: Tensor) -> Tensor { x.pooled(geometry) { ck_average_pool($0, $1, $2, 0, $3) } }
        // Outside are zeros, so the mean of an image of ones is the share of each window that lies inside.
        let share = mean(.ones([1, shape[1], shape[2], 1], on: device))
        return mean(self) / share
    }

    private func pooled(
        _ geometry: ConvolutionGeometry,
        _ kernel: (UnsafeMutablePointer<Float>, UnsafePointer<Float>, UnsafePointer<CKWindow>, Int) -> Void
    ) -> Tensor {
        precondition(shape.rank == 4 && !isTracked, "images are (N, H, W, C), of a network that does not learn")
        let (height, width) = geometry.output(height: shape[1], width: shape[2])
        let result = Tensor(uninitialized: [shape[0], height, width, shape[3]], on: device)
        let window = geometry.window(image: shape, output: result.shape)
        device.forEach(shape[0], work: elementCount) { sample in
            withUnsafePointer(to: window) {
                kernel(result.pointer + sample * result.sampleSize, pointer + sample * sampleSize, $0, height)
            }
        }
        return result
    }

    /// (N, H, W, C) at another size: each pixel is mixed of the four nearest, with no smoothing where it shrinks (PyTorch's bilinear
    /// `interpolate` with `align_corners=False`).
    public func resizedBilinear(height: Int, width: Int) -> Tensor {
        precondition(shape.rank == 4 && !isTracked && height > 0 && width > 0 && elementCount > 0)
        let (channels, stride) = (shape[3], shape[2] * shape[3])
        let result = Tensor(uninitialized: [shape[0], height, width, channels], on: device)
        let rows = BilinearTap.taps(from: shape[1], to: height)
        let columns = BilinearTap.taps(from: shape[2], to: width)
        device.forEach(shape[0] * height, work: 4 * result.elementCount) { index in
            let (sample, y) = index.quotientAndRemainder(dividingBy: height)
            let (row, image) = (rows[y], pointer + sample * sampleSize)
            let (upper, lower) = (image + row.first * stride, image + row.second * stride)
            var out = result.pointer + index * width * channels
            for column in columns {
                let (left, right) = (column.first * channels, column.second * channels)
                for c in 0..<channels {
                    let above = upper[left + c] * (1 - column.share) + upper[right + c] * column.share
                    let below = lower[left + c] * (1 - column.share) + lower[right + c] * column.share
                    out[c] = above * (1 - row.share) + below * row.share
                }
                out += channels
            }
        }
        return result
    }
}

/// The two neighbours that a pixel is mixed of.
private struct BilinearTap {
    var first: Int
    var second: Int
    /// Of the second.
    var share: Float

    static func taps(from size: Int, to count: Int) -> [BilinearTap] {
        let scale = Double(size) / Double(count)
        return (0..<count).map { index in
            let place = max((Double(index) + 0.5) * scale - 0.5, 0)
            let first = min(Int(place), size - 1)
            return BilinearTap(first: first, second: min(first + 1, size - 1), share: Float(place - Double(first)))
        }
    }
}
