extension Tensor {
    /// Standard normals (N, ...). Sample i of the batch is a function of `seed`, `purpose`, `step` and its own number
    /// `firstSample + i` alone, whatever batch it is drawn in.
    public static func normal(
        _ shape: Shape, seed: UInt64, purpose: Philox.Purpose, step: Int = 0, firstSample: Int = 0, on device: Device
    ) -> Tensor {
        precondition(shape.rank >= 1, "the first axis counts samples")
        let result = Tensor(uninitialized: shape, on: device)
        let size = shape.elementCount(in: 1..<shape.rank)
        device.forEach(shape[0], work: 8 * shape.elementCount) { i in
            var stream = Philox(seed: seed, purpose: purpose, step: step, sample: firstSample + i)
            stream.fillNormal(UnsafeMutableBufferPointer(start: result.pointer + i * size, count: size))
        }
        return result
    }

    /// `torch.randn` of an image batch (N, C, ...) as diffusers' pipelines draw it, with its axes in our order (N, ..., C).
    /// Shapes of fewer than four axes are drawn as they are.
    public static func normal(_ shape: Shape, from generator: inout TorchGenerator, on device: Device) -> Tensor {
        let values = generator.normals(shape.elementCount)
        guard shape.rank >= 4 else { return Tensor(values, shape: shape, on: device) }
        let channels = shape.last
        let places = shape.elementCount(in: 1..<shape.rank - 1)
        return Tensor(shape: shape, on: device) { span in
            for n in 0..<shape[0] {
                let base = n * places * channels
                for place in 0..<places {
                    for c in 0..<channels {
                        span[base + place * channels + c] = values[base + c * places + place]
                    }
                }
            }
        }
    }
}
