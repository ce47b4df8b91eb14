internal import CKernels

/// Convolutions as products: patches of the image, gathered in tiles that stay in cache, times the weights.
enum Convolution {
    /// Floats that a tile of patches may take: half of a core's second-level cache.
    private static let tileSize = 1 << 17

    static func forward(
        _ x: Tensor, weight: Tensor, _ epilogue: Epilogue, _ geometry: ConvolutionGeometry
    ) -> Tensor {
        let (height, width) = geometry.output(height: x.shape[1], width: x.shape[2])
        let outputShape: Shape = [x.shape[0], height, width, weight.shape[0]]
        if Winograd.fits(weight: weight.shape, output: outputShape, geometry) {
            return Winograd.convolve(
                x, weight: weight, turned: false, epilogue, padding: (geometry.top, geometry.left),
                output: outputShape)
        }
        if geometry.isPointwise, epilogue.vectors == nil {
            return LinearProduct.forward(x, weight: weight, epilogue, outputs: weight.shape[0])
        }
        var rest = epilogue
        let result: Tensor
        if geometry.isPointwise {
            result = LinearProduct.forward(x, weight: weight, Epilogue(), outputs: weight.shape[0])
        } else if Depthwise.fits(weight.shape, geometry) {
            result = Depthwise.forward(
                x, weight: weight, bias: epilogue.bias, geometry, outputShape: outputShape)
            rest.bias = nil
        } else if NarrowConvolution.fits(weight: weight.shape, geometry) {
            result = NarrowConvolution.forward(x, weight: weight, bias: epilogue.bias, geometry, output: outputShape)
            rest.bias = nil
        } else {
            result = patchProducts(x, weight: weight, geometry, output: outputShape)
        }
        rest.finish(result)
        return result
    }

    /// Products of patches with weights that are packed once.
    private static func patchProducts(
        _ x: Tensor, weight: Tensor, _ geometry: ConvolutionGeometry, output: Shape
    ) -> Tensor {
        let device = x.device
        let result = Tensor(uninitialized: output, on: device)
        let tiles = Tiles(image: x.shape, output: output, weight: weight.shape, geometry, tileSize: tileSize)
        let weights = (0..<geometry.groups).map { group in
            PackedMatrix(
                MatrixBlock(weight.pointer + group * tiles.groupOutputs * tiles.patch, stride: tiles.patch).transposed,
                inner: tiles.patch, columns: tiles.groupOutputs, on: device)
        }
        let work = convolutionWork(weight.shape, output: output)
        device.forEachRange(x.shape[0] * tiles.positions, grain: tiles.height, work: work) { rows in
            device.withScratch(rows.count * tiles.patch) { patches in
                let first = result.pointer + rows.lowerBound * tiles.outputs
                for group in 0..<geometry.groups {
                    tiles.gather(x, rows: rows, group: group, into: patches)
                    MatrixBlock(first + group * tiles.groupOutputs, stride: tiles.outputs).assignProduct(
                        MatrixBlock(patches, stride: tiles.patch), weights[group], rows: rows.count,
                        columns: 0..<tiles.groupOutputs)
                }
            }
        }
        return result
    }

    /// d/dx, of `inputShape`. Also the transposed convolution.
    static func inputGradient(
        _ g: Tensor, weight: Tensor, inputShape: Shape, _ geometry: ConvolutionGeometry
    ) -> Tensor {
        if geometry.isPointwise { return LinearProduct.inputGradient(g, weight: weight, inputs: inputShape[3]) }
        if Depthwise.fits(weight.shape, geometry) {
            return Depthwise.inputGradient(g, weight: weight, inputShape: inputShape, geometry)
        }
        if Winograd.fits(weight: weight.shape, output: g.shape, geometry) {
            return Winograd.convolve(
                g, weight: weight, turned: true, Epilogue(), padding: (2 - geometry.top, 2 - geometry.left),
                output: inputShape)
        }
        if let turned = geometry.turned,
            turned.output(height: g.shape[1], width: g.shape[2]) == (inputShape[1], inputShape[2])
        {
            return forward(g, weight: weight.turnedKernel(), Epilogue(), turned)
        }
        let result = Tensor.zeros(inputShape, on: g.device)
        let tiles = Tiles(image: inputShape, output: g.shape, weight: weight.shape, geometry, tileSize: tileSize)
        let device = g.device
        // Tiles of one image touch the same pixels, so an image is one chunk and its tiles follow each other.
        device.forEach(inputShape[0], work: convolutionWork(weight.shape, output: g.shape)) { sample in
            device.withScratch(tiles.height * tiles.patch) { patches in
                for group in 0..<geometry.groups {
                    for first in stride(from: 0, to: tiles.positions, by: tiles.height) {
                        let count = min(tiles.height, tiles.positions - first)
                        MatrixBlock(patches, stride: tiles.patch).assignProduct(
                            MatrixBlock(
                                g.pointer + (sample * tiles.positions + first) * tiles.outputs
                                    + group * tiles.groupOutputs, stride: tiles.outputs),
                            MatrixBlock(
                                weight.pointer + group * tiles.groupOutputs * tiles.patch, stride: tiles.patch),
                            rows: count, columns: tiles.patch, inner: tiles.groupOutputs)
                        tiles.scatter(patches, into: result, sample: sample, group: group, first: first, count: count)
                    }
                }
            }
        }
        return result
    }

    /// d/dW, a sum over all positions of all samples; in `target`, where that is given and the way taken can do so.
    static func weightGradient(
        _ g: Tensor, input x: Tensor, weightShape: Shape, _ geometry: ConvolutionGeometry, into target: Tensor? = nil
    ) -> Tensor {
        if geometry.isPointwise {
            return LinearProduct.weightGradient(g, input: x, into: target).viewed(weightShape)
        }
        if Depthwise.fits(weightShape, geometry) {
            return Depthwise.weightGradient(g, input: x, weightShape: weightShape, geometry)
        }
        if Winograd.fits(weight: weightShape, output: g.shape, geometry) {
            return Winograd.weightGradient(g, input: x, padding: (geometry.top, geometry.left), into: target)
        }
        if NarrowConvolution.fits(weight: weightShape, geometry) {
            return NarrowConvolution.weightGradient(g, input: x, weight: weightShape, geometry)
        }
        let tiles = Tiles(image: x.shape, output: g.shape, weight: weightShape, geometry, tileSize: tileSize)
        let device = g.device
        let rows = g.shape[0] * tiles.positions
        guard rows > 0 else { return .zeros(weightShape, on: device) }
        let result = target ?? Tensor(uninitialized: weightShape, on: device)
        let size = weightShape.elementCount
        // Slices of the rows, by the size of the problem; the partial sums are added in their order.
        let slices = max(1, min(8, rows / 256, (64 << 20) / max(1, size)))
        device.withScratch(slices * size) { partial in
            device.forEach(slices, work: convolutionWork(weightShape, output: g.shape)) { slice in
                let range = rows * slice / slices..<rows * (slice + 1) / slices
                device.withScratch(tiles.height * tiles.patch) { patches in
                    for first in stride(from: range.lowerBound, to: range.upperBound, by: tiles.height) {
                        let count = min(tiles.height, range.upperBound - first)
                        for group in 0..<geometry.groups {
                            tiles.gather(x, rows: first..<first + count, group: group, into: patches)
                            MatrixBlock(
                                partial + slice * size + group * tiles.groupOutputs * tiles.patch, stride: tiles.patch
                            ).assignProduct(
                                transposing: MatrixBlock(
                                    g.pointer + first * tiles.outputs + group * tiles.groupOutputs,
                                    stride: tiles.outputs),
                                MatrixBlock(patches, stride: tiles.patch), rows: tiles.groupOutputs,
                                columns: tiles.patch, inner: count, adding: first > range.lowerBound, on: device)
                        }
                    }
                }
            }
            sumInOrder(partial, parts: slices, size: size, into: result.pointer, on: device)
        }
        return result
    }
}

/// The rows of patches that a convolution multiplies: one for each output position of each sample.
private struct Tiles {
    let window: CKWindow
    /// Output positions of one sample.
    let positions: Int
    /// Floats in a patch: kH kW C / groups.
    let patch: Int
    let outputs: Int
    let groupOutputs: Int
    private let groupChannels: Int
    private let imageSize: Int
    /// The most rows in a tile.
    let height: Int

    init(image: Shape, output: Shape, weight: Shape, _ geometry: ConvolutionGeometry, tileSize: Int) {
        window = geometry.window(image: image, output: output)
        positions = output[1] * output[2]
        groupChannels = weight[3]
        patch = weight[1] * weight[2] * weight[3]
        outputs = weight[0]
        groupOutputs = weight[0] / geometry.groups
        imageSize = image[1] * image[2] * image[3]
        height = min(512, max(32, tileSize / max(1, patch) & ~15))
    }

    /// Writes the patches of `rows`, which may lie in several samples.
    func gather(_ x: Tensor, rows: Range<Int>, group: Int, into patches: UnsafeMutablePointer<Float>) {
        withUnsafePointer(to: window) { window in
            var row = rows.lowerBound
            while row < rows.upperBound {
                let (sample, first) = row.quotientAndRemainder(dividingBy: positions)
                let last = min(positions, first + rows.upperBound - row)
                ck_im2col(
                    patches + (row - rows.lowerBound) * patch, patch, x.pointer + sample * imageSize, window,
                    group * groupChannels, groupChannels, first, last)
                row += last - first
            }
        }
    }

    /// Adds the patches of positions `first..<first + count` of one sample back to its image.
    func scatter(
        _ patches: UnsafeMutablePointer<Float>, into image: Tensor, sample: Int, group: Int, first: Int, count: Int
    ) {
        withUnsafePointer(to: window) { window in
            ck_col2im(
                image.pointer + sample * imageSize, patches, patch, window, group * groupChannels, groupChannels,
                first, first + count)
        }
    }
}

/// Convolution in which every channel has its own kernel; weights (C, kH, kW, 1).
private enum Depthwise {
    /// Output rows that are one chunk of work.
    private static let band = 8

    static func fits(_ weight: Shape, _ geometry: ConvolutionGeometry) -> Bool {
        geometry.groups > 1 && weight[0] == geometry.groups && weight[3] == 1
    }

    /// (C, kH, kW, 1) as the kernels want it: (kH, kW, C).
    private static func channelsInnermost(_ weight: Tensor) -> Tensor {
        let (channels, taps) = (weight.shape[0], weight.shape[1] * weight.shape[2])
        let result = Tensor(uninitialized: [taps, channels], on: weight.device)
        ck_transpose(result.pointer, channels, weight.pointer, taps, channels, taps)
        return result
    }

    static func forward(
        _ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: ConvolutionGeometry, outputShape: Shape
    ) -> Tensor {
        let result = Tensor(uninitialized: outputShape, on: x.device)
        let kernel = channelsInnermost(weight)
        let window = geometry.window(image: x.shape, output: outputShape)
        let (input, output) = (x.sampleSize, result.sampleSize)
        forEachBand(of: outputShape[1], samples: outputShape[0], on: x.device) { sample, rows in
            withUnsafePointer(to: window) {
                ck_depthwise(
                    result.pointer + sample * output, x.pointer + sample * input, kernel.pointer, bias?.pointer, $0,
                    rows.lowerBound, rows.upperBound)
            }
        }
        return result
    }

    static func inputGradient(
        _ g: Tensor, weight: Tensor, inputShape: Shape, _ geometry: ConvolutionGeometry
    ) -> Tensor {
        let result = Tensor(uninitialized: inputShape, on: g.device)
        let kernel = channelsInnermost(weight)
        let window = geometry.window(image: inputShape, output: g.shape)
        let (input, output) = (result.sampleSize, g.sampleSize)
        forEachBand(of: inputShape[1], samples: inputShape[0], on: g.device) { sample, rows in
            withUnsafePointer(to: window) {
                ck_depthwise_backward_input(
                    result.pointer + sample * input, g.pointer + sample * output, kernel.pointer, $0, rows.lowerBound,
                    rows.upperBound)
            }
        }
        return result
    }

    static func weightGradient(
        _ g: Tensor, input x: Tensor, weightShape: Shape, _ geometry: ConvolutionGeometry
    ) -> Tensor {
        let device = g.device
        let window = geometry.window(image: x.shape, output: g.shape)
        let (channels, taps) = (weightShape[0], weightShape[1] * weightShape[2])
        let size = channels * taps
        let (input, output) = (x.sampleSize, g.sampleSize)
        let kernel = Tensor(uninitialized: [taps, channels], on: device)
        // One partial sum for each sample, added in the samples' order.
        device.withScratch(g.shape[0] * size) { partial in
            device.forEach(g.shape[0], work: taps * g.elementCount) { sample in
                let own = partial + sample * size
                ck_fill(own, 0, size)
                withUnsafePointer(to: window) {
                    ck_depthwise_backward_weight(
                        own, g.pointer + sample * output, x.pointer + sample * input, $0, 0, g.shape[1])
                }
            }
            sumInOrder(partial, parts: g.shape[0], size: size, into: kernel.pointer, on: device)
        }
        let result = Tensor(uninitialized: weightShape, on: device)
        ck_transpose(result.pointer, taps, kernel.pointer, channels, taps, channels)
        return result
    }

    private static func forEachBand(
        of rows: Int, samples: Int, on device: Device, _ body: (_ sample: Int, _ rows: Range<Int>) -> Void
    ) {
        let bands = (rows + band - 1) / band
        device.forEach(samples * bands) { chunk in
            let (sample, index) = chunk.quotientAndRemainder(dividingBy: bands)
            body(sample, index * band..<min(rows, (index + 1) * band))
        }
    }
}

/// Of a convolution with weights (O, kH, kW, C / groups), or of either of its gradients, as `Device.forEach` counts it.
func convolutionWork(_ weight: Shape, output: Shape) -> Int {
    weight.elementCount * output.elementCount(in: 0..<3) / 16
}

extension ConvolutionGeometry {
    func window(image: Shape, output: Shape) -> CKWindow {
        CKWindow(
            height: image[1], width: image[2], channels: image[3], output_height: output[1], output_width: output[2],
            kernel_height: kernelHeight, kernel_width: kernelWidth, stride_y: strideHeight, stride_x: strideWidth,
            padding_top: top, padding_left: left)
    }
}

extension Tensor {
    /// Floats in one sample.
    var sampleSize: Int { shape.elementCount(in: 1..<shape.rank) }

    /// (O, kH, kW, C) turned by 180 degrees with its channels exchanged: (C, kH, kW, O).
    fileprivate func turnedKernel() -> Tensor {
        let (outputs, channels) = (shape[0], shape[3])
        let taps = shape[1] * shape[2]
        let result = Tensor(uninitialized: [channels, shape[1], shape[2], outputs], on: device)
        device.forEach(taps) { tap in
            ck_transpose(
                result.pointer + (taps - 1 - tap) * outputs, taps * outputs, pointer + tap * channels, taps * channels,
                outputs, channels)
        }
        return result
    }
}
