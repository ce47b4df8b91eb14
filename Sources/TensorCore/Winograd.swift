internal import CKernels

/// 3x3 convolutions of stride 1 by F(4x4, 3x3) (Lavin & Gray 2015): a quarter of the multiplications of a direct one, at a
/// few 1e-6 of the largest value in error. A tile's bits do not depend on what is computed beside it.
enum Winograd {
    /// Below so many channels on either side the transforms cost more than they save (measured).
    private static let fewestChannels = 16
    /// Channels on either side of a block of the weight gradient: the larger, the less often tiles are transformed (measured).
    private static let gradientBlock = 128
    /// So many tiles are all transformed before they are multiplied (measured).
    private static let fewTiles = 64
    /// Chunks of work that a convolution is cut into at least, where it can be.
    private static let leastChunks = 4
    /// Parts that a weight gradient is cut into where blocks of channels alone are too few.
    private static let gradientParts = 8

    static func fits(weight: Shape, output: Shape, _ geometry: ConvolutionGeometry) -> Bool {
        geometry.isThreeByThree && min(weight[0], weight[3]) >= fewestChannels
            && min(output[1], output[2]) >= Int(CK_WINOGRAD_TILE)
    }

    /// The convolution with weights (O, 3, 3, C); or, when `turned`, the one that takes gradients of its output to gradients of
    /// its input, with the same weights.
    ///
    /// - Parameters:
    ///   - x: (N, H, W, C), or (N, H, W, O) when turned.
    ///   - padding: of `x`, at the top and left.
    static func convolve(
        _ x: Tensor, weight: Tensor, turned: Bool, _ epilogue: Epilogue, padding: (top: Int, left: Int), output: Shape
    ) -> Tensor {
        let device = x.device
        let (inputs, outputs) = (x.shape[3], output[3])
        let shape = Self.shape(image: x.shape, output: output, padding: padding)
        let result = Tensor(uninitialized: output, on: device)
        let (vectors, stride) = epilogue.vectors(outputs: outputs)
        let residual = epilogue.residual
        withUnsafePointer(to: shape) { shape in
            nonisolated(unsafe) let shape = shape
            let tiles = ck_winograd_tiles(shape)
            guard tiles > fewTiles else {
                return convolveFewTiles(x, weight: weight, turned: turned, epilogue, shape, into: result)
            }
            let transformed = Storage(ck_winograd_weight_size(inputs, outputs), on: device)
            let panels = ck_winograd_panels(outputs)
            device.forEach(panels, work: 4 * weight.elementCount) { panel in
                ck_winograd_weights(transformed.pointer, weight.pointer, inputs, outputs, turned, panel, panel + 1)
            }
            let (scratch, block) = (ck_winograd_scratch(shape), ck_winograd_block(shape))
            let blocks = (tiles + block - 1) / block
            // Few blocks are shared by their outputs too.
            let parts = min(panels, max(1, leastChunks / max(1, blocks)))
            let width = (panels + parts - 1) / parts * PackedMatrix.panel
            device.forEach(blocks * parts, work: work(weight: weight.shape, image: x, output: output)) { chunk in
                let (index, part) = chunk.quotientAndRemainder(dividingBy: parts)
                guard part * width < outputs else { return }
                let columns = part * width..<min(outputs, (part + 1) * width)
                device.withScratch(scratch) {
                    ck_winograd(
                        result.pointer, x.pointer, transformed.pointer, vectors?.pointer, stride, residual?.pointer,
                        shape, index * block, min(tiles, (index + 1) * block), columns.lowerBound, columns.upperBound,
                        $0)
                }
            }
        }
        return result
    }

    /// The same for small images and batches, where reading and transforming the weights is most of the work: each panel of
    /// weights is multiplied where it was transformed. The bits are the same.
    private static func convolveFewTiles(
        _ x: Tensor, weight: Tensor, turned: Bool, _ epilogue: Epilogue,
        _ shape: UnsafePointer<CKWinograd>, into result: Tensor
    ) {
        let device = x.device
        nonisolated(unsafe) let shape = shape
        let tiles = ck_winograd_tiles(shape)
        let transformed = Storage(ck_winograd_input_size(shape), on: device)
        device.forEachRange(tiles, grain: 4, work: 4 * x.elementCount) { range in
            device.withScratch(ck_winograd_inputs_scratch(shape)) {
                ck_winograd_inputs(transformed.pointer, x.pointer, shape, range.lowerBound, range.upperBound, $0)
            }
        }
        let (vectors, stride) = epilogue.vectors(outputs: result.shape[3])
        let residual = epilogue.residual
        let scratch = ck_winograd_panel_scratch(shape)
        let work = work(weight: weight.shape, image: x, output: result.shape)
        device.forEach(ck_winograd_panels(result.shape[3]), work: work) { panel in
            device.withScratch(scratch) {
                ck_winograd_panel(
                    result.pointer, transformed.pointer, weight.pointer, turned, vectors?.pointer, stride,
                    residual?.pointer, shape, panel, $0)
            }
        }
    }

    /// d/dW, (O, 3, 3, C): blocks of channels, and where these are few also slices of the batch, whose sums are added in order.
    static func weightGradient(
        _ g: Tensor, input x: Tensor, padding: (top: Int, left: Int), into target: Tensor?
    ) -> Tensor {
        let device = g.device
        let (inputs, outputs, samples) = (x.shape[3], g.shape[3], x.shape[0])
        let result = target ?? Tensor(uninitialized: [outputs, 3, 3, inputs], on: device)
        let rows = (inputs + gradientBlock - 1) / gradientBlock
        let columns = (outputs + gradientBlock - 1) / gradientBlock
        let slices = max(1, min(samples, gradientParts / (rows * columns)))
        let size = result.elementCount
        let work = work(weight: result.shape, image: x, output: g.shape)
        func compute(into target: UnsafeMutablePointer<Float>, slice: Int, block: Int) {
            let images = samples * slice / slices..<samples * (slice + 1) / slices
            var image = x.shape
            var output = g.shape
            image[0] = images.count
            output[0] = images.count
            let (row, column) = block.quotientAndRemainder(dividingBy: columns)
            let i = row * gradientBlock..<min(inputs, (row + 1) * gradientBlock)
            let o = column * gradientBlock..<min(outputs, (column + 1) * gradientBlock)
            withUnsafePointer(to: shape(image: image, output: output, padding: padding)) { shape in
                device.withScratch(ck_winograd_gradient_scratch(shape, i.count, o.count)) {
                    ck_winograd_weight_gradient(
                        target, g.pointer + images.lowerBound * g.sampleSize,
                        x.pointer + images.lowerBound * x.sampleSize, shape, i.lowerBound, i.upperBound, o.lowerBound,
                        o.upperBound, $0)
                }
            }
        }
        if slices == 1 {
            device.forEach(rows * columns, work: work) { compute(into: result.pointer, slice: 0, block: $0) }
        } else {
            device.withScratch(slices * size) { partial in
                device.forEach(slices * rows * columns, work: work) { part in
                    let (slice, block) = part.quotientAndRemainder(dividingBy: rows * columns)
                    compute(into: partial + slice * size, slice: slice, block: block)
                }
                sumInOrder(partial, parts: slices, size: size, into: result.pointer, on: device)
            }
        }
        return result
    }

    /// As `Device.forEach` counts it: a quarter of the plain convolution's multiply-adds, and the transforms.
    private static func work(weight: Shape, image: Tensor, output: Shape) -> Int {
        convolutionWork(weight, output: output) / 4 + 4 * (image.elementCount + output.elementCount)
    }

    private static func shape(image: Shape, output: Shape, padding: (top: Int, left: Int)) -> CKWinograd {
        CKWinograd(
            images: image[0], height: image[1], width: image[2], inputs: image[3], output_height: output[1],
            output_width: output[2], outputs: output[3], padding_top: padding.top, padding_left: padding.left)
    }
}

/// Convolutions to few outputs, such as the last of an image network: sums over channels instead of products of patches.
enum NarrowConvolution {
    /// Output rows that are one chunk of work.
    private static let band = 8

    static func fits(weight: Shape, _ geometry: ConvolutionGeometry) -> Bool {
        geometry.groups == 1 && !geometry.isPointwise && weight[0] <= Int(CK_NARROW_OUTPUTS) && weight[3] >= 16
    }

    static func forward(_ x: Tensor, weight: Tensor, bias: Tensor?, _ geometry: ConvolutionGeometry, output: Shape)
        -> Tensor
    {
        let result = Tensor(uninitialized: output, on: x.device)
        let window = geometry.window(image: x.shape, output: output)
        let bands = (output[1] + band - 1) / band
        x.device.forEach(output[0] * bands, work: convolutionWork(weight.shape, output: output)) { chunk in
            let (sample, index) = chunk.quotientAndRemainder(dividingBy: bands)
            withUnsafePointer(to: window) {
                ck_narrow_convolution(
                    result.pointer + sample * result.sampleSize, x.pointer + sample * x.sampleSize, weight.pointer,
                    bias?.pointer, $0, output[3], index * band, min(output[1], (index + 1) * band))
            }
        }
        return result
    }

    /// d/dW, one partial sum for each of a fixed number of slices of the batch, added in order.
    static func weightGradient(_ g: Tensor, input x: Tensor, weight: Shape, _ geometry: ConvolutionGeometry) -> Tensor {
        let result = Tensor(uninitialized: weight, on: g.device)
        let window = geometry.window(image: x.shape, output: g.shape)
        let (samples, size) = (g.shape[0], weight.elementCount)
        let slices = max(1, min(samples, 16))
        g.device.withScratch(slices * size) { partial in
            g.device.forEach(slices, work: convolutionWork(weight, output: g.shape)) { slice in
                let own = partial + slice * size
                ck_fill(own, 0, size)
                for sample in samples * slice / slices..<samples * (slice + 1) / slices {
                    withUnsafePointer(to: window) {
                        ck_narrow_weight_gradient(
                            own, g.pointer + sample * g.sampleSize, x.pointer + sample * x.sampleSize, $0, weight[0], 0,
                            g.shape[1])
                    }
                }
            }
            sumInOrder(partial, parts: slices, size: size, into: result.pointer, on: g.device)
        }
        return result
    }
}
