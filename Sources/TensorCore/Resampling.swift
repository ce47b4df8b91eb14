internal import CKernels

extension Tensor {
    /// Each pixel of (N, H, W, C) repeated `factor` times in both directions.
    public func upsampledNearest(_ factor: Int) -> Tensor {
        precondition(shape.rank == 4 && factor > 0, "images are (N, H, W, C)")
        let result = Tensor(
            uninitialized: [shape[0], shape[1] * factor, shape[2] * factor, shape[3]], on: device)
        device.forEach(shape[0], work: elementCount) { sample in
            ck_upsample_nearest(
                result.pointer + sample * result.sampleSize, pointer + sample * sampleSize, factor, shape[2], shape[3],
                0, shape[1])
        }
        return result.recorded(.upsampleNearest(factor: factor), inputs: [self], saving: [])
    }

    /// The sum of each `factor` x `factor` block: the adjoint of nearest upsampling.
    func sumPooled(_ factor: Int) -> Tensor {
        let result = Tensor(
            uninitialized: [shape[0], shape[1] / factor, shape[2] / factor, shape[3]], on: device)
        device.forEach(shape[0], work: elementCount) { sample in
            ck_upsample_nearest_backward(
                result.pointer + sample * result.sampleSize, pointer + sample * sampleSize, factor, result.shape[2],
                shape[3], 0, result.shape[1])
        }
        return result
    }

    /// The mean of each `size` x `size` block of (N, H, W, C); a remainder at the right and bottom is left out.
    public func averagePooled(_ size: Int) -> Tensor {
        precondition(shape.rank == 4 && size > 0 && shape[1] >= size && shape[2] >= size)
        let result = Tensor(uninitialized: [shape[0], shape[1] / size, shape[2] / size, shape[3]], on: device)
        let window = ConvolutionGeometry(kernel: size, stride: size).window(image: shape, output: result.shape)
        device.forEach(shape[0], work: elementCount) { sample in
            withUnsafePointer(to: window) {
                ck_average_pool(
                    result.pointer + sample * result.sampleSize, pointer + sample * sampleSize, $0, 0, result.shape[1])
            }
        }
        return result.recorded(.averagePool(size: size, from: shape), inputs: [self], saving: [])
    }

    /// Spreads each element evenly over its block: the adjoint of average pooling.
    func spread(_ size: Int, to target: Shape) -> Tensor {
        let result = Tensor(uninitialized: target, on: device)
        let window = ConvolutionGeometry(kernel: size, stride: size).window(image: target, output: shape)
        device.forEach(shape[0], work: elementCount) { sample in
            withUnsafePointer(to: window) {
                ck_average_pool_backward(
                    result.pointer + sample * result.sampleSize, pointer + sample * sampleSize, $0, 0, target[1])
            }
        }
        return result
    }
}
