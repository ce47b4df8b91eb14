import CKernels
import TestSupport
import Testing

/// The kernels that slide a window over an image: im2col, depthwise convolution, pooling.
struct WindowTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let window: CKWindow

        init(
            _ description: String, size: (Int, Int), channels: Int, kernel: (Int, Int), stride: Int, padding: (Int, Int)
        ) {
            testDescription = description
            let output = (
                (size.0 + 2 * padding.0 - kernel.0) / stride + 1, (size.1 + 2 * padding.1 - kernel.1) / stride + 1
            )
            window = CKWindow(
                height: size.0, width: size.1, channels: channels, output_height: output.0, output_width: output.1,
                kernel_height: kernel.0, kernel_width: kernel.1, stride_y: stride, stride_x: stride,
                padding_top: padding.0, padding_left: padding.1)
        }
    }

    static let cases = [
        Case("3x3", size: (8, 9), channels: 6, kernel: (3, 3), stride: 1, padding: (1, 1)),
        Case("1x1", size: (4, 5), channels: 17, kernel: (1, 1), stride: 1, padding: (0, 0)),
        Case("3x3, stride 2", size: (9, 8), channels: 64, kernel: (3, 3), stride: 2, padding: (1, 1)),
        Case("4x4, stride 2", size: (8, 8), channels: 3, kernel: (4, 4), stride: 2, padding: (1, 1)),
        Case("7x7 over 3x3", size: (3, 3), channels: 80, kernel: (7, 7), stride: 1, padding: (3, 3)),
        Case("2x2, stride 2", size: (6, 7), channels: 130, kernel: (2, 2), stride: 2, padding: (0, 0)),
        Case("3x5, padding 0 and 4", size: (5, 4), channels: 2, kernel: (3, 5), stride: 1, padding: (0, 4)),
        Case("2x2, stride 3", size: (8, 8), channels: 4, kernel: (2, 2), stride: 3, padding: (0, 0)),
    ]

    @Test(arguments: cases)
    func im2colAndItsAdjointAgreeWithTheReference(_ test: Case) {
        var w = test.window
        let image = Floats(random: w.height * w.width * w.channels, seed: 1, misalignedBy: 1)
        let positions = w.output_height * w.output_width
        // Everything, and a tile of a group's channels.
        let half = w.channels / 2
        for (offset, count, first, last) in [
            (0, w.channels, 0, positions), (half, w.channels - half, 2, positions - 1),
        ] {
            let ld = w.kernel_height * w.kernel_width * count + 3
            let (fast, reference) = (Floats(count: (last - first) * ld), Floats(count: (last - first) * ld))
            ck_im2col(fast.pointer, ld, image.pointer, &w, offset, count, first, last)
            ck_ref_im2col(reference.pointer, ld, image.pointer, &w, offset, count, first, last)
            expectAgreement(fast, reference, relative: 0, "channels \(count), positions \(first)..<\(last)")
            let (target, expected) = (Floats(image.values, misalignedBy: 3), Floats(image.values))
            ck_col2im(target.pointer, fast.pointer, ld, &w, offset, count, first, last)
            ck_ref_col2im(expected.pointer, fast.pointer, ld, &w, offset, count, first, last)
            expectAgreement(target, expected, relative: 0, "adjoint")
        }
    }

    /// A convolution whose output ends early reads no padding at the far side; one that ends late reads zeros there.
    @Test func asymmetricPaddingFollowsFromTheOutputSize() {
        var w = CKWindow(
            height: 4, width: 4, channels: 2, output_height: 2, output_width: 2, kernel_height: 3, kernel_width: 3,
            stride_y: 2, stride_x: 2, padding_top: 0, padding_left: 0)
        let image = Floats(random: 32, seed: 2)
        let (fast, reference) = (Floats(count: 4 * 18), Floats(count: 4 * 18))
        ck_im2col(fast.pointer, 18, image.pointer, &w, 0, 2, 0, 4)
        ck_ref_im2col(reference.pointer, 18, image.pointer, &w, 0, 2, 0, 4)
        expectAgreement(fast, reference, relative: 0)
        #expect(Array(fast.values[3 * 18 + 12..<3 * 18 + 18]).allSatisfy { $0 == 0 })
    }

    @Test(arguments: cases)
    func depthwiseAgreesWithTheReference(_ test: Case) {
        var w = test.window
        let x = Floats(random: w.height * w.width * w.channels, seed: 3, misalignedBy: 1)
        let weight = Floats(random: w.kernel_height * w.kernel_width * w.channels, seed: 4, misalignedBy: 3)
        let bias = Floats(random: w.channels, seed: 5)
        let outputs = w.output_height * w.output_width * w.channels
        let dy = Floats(random: outputs, seed: 6)
        let (y, refY) = (Floats(count: outputs, misalignedBy: 1), Floats(count: outputs))
        let (dx, refDX) = (Floats(count: x.count, misalignedBy: 1), Floats(count: x.count))
        let (dw, refDW) = (Floats(count: weight.count), Floats(count: weight.count))
        // In two bands.
        let (middle, inputMiddle) = (w.output_height / 2, w.height / 2)
        for (first, last) in [(0, middle), (middle, w.output_height)] {
            ck_depthwise(y.pointer, x.pointer, weight.pointer, bias.pointer, &w, first, last)
            ck_depthwise_backward_weight(dw.pointer, dy.pointer, x.pointer, &w, first, last)
        }
        for (first, last) in [(0, inputMiddle), (inputMiddle, w.height)] {
            ck_depthwise_backward_input(dx.pointer, dy.pointer, weight.pointer, &w, first, last)
        }
        ck_ref_depthwise(refY.pointer, x.pointer, weight.pointer, bias.pointer, &w, 0, w.output_height)
        ck_ref_depthwise_backward_weight(refDW.pointer, dy.pointer, x.pointer, &w, 0, w.output_height)
        ck_ref_depthwise_backward_input(refDX.pointer, dy.pointer, weight.pointer, &w, 0, w.height)
        expectAgreement(y, refY, absolute: 1e-5, "output")
        expectAgreement(dx, refDX, absolute: 1e-5, "gradient to the input")
        expectAgreement(dw, refDW, absolute: 1e-4, "gradient to the weights")
        ck_depthwise(y.pointer, x.pointer, weight.pointer, nil, &w, 0, w.output_height)
        ck_ref_depthwise(refY.pointer, x.pointer, weight.pointer, nil, &w, 0, w.output_height)
        expectAgreement(y, refY, absolute: 1e-5, "output without bias")
    }

    @Test(arguments: cases, [1, 3, 4, 6])
    func convolutionToFewOutputsAgreesWithTheReference(_ test: Case, outputs: Int) {
        var w = test.window
        let x = Floats(random: w.height * w.width * w.channels, seed: 11, misalignedBy: 1)
        let weights = Floats(
            random: outputs * w.kernel_height * w.kernel_width * w.channels, in: -0.5...0.5, seed: 12, misalignedBy: 3)
        let bias = Floats(random: outputs, seed: 13)
        let positions = w.output_height * w.output_width
        let dy = Floats(random: positions * outputs, seed: 14)
        let (y, refY) = (Floats(count: positions * outputs, misalignedBy: 1), Floats(count: positions * outputs))
        let (dw, refDW) = (Floats(weights.values, misalignedBy: 1), Floats(weights.values))
        let middle = w.output_height / 2
        for (first, last) in [(0, middle), (middle, w.output_height)] {
            ck_narrow_convolution(y.pointer, x.pointer, weights.pointer, bias.pointer, &w, outputs, first, last)
            ck_narrow_weight_gradient(dw.pointer, dy.pointer, x.pointer, &w, outputs, first, last)
        }
        ck_ref_narrow_convolution(
            refY.pointer, x.pointer, weights.pointer, bias.pointer, &w, outputs, 0, w.output_height)
        ck_ref_narrow_weight_gradient(refDW.pointer, dy.pointer, x.pointer, &w, outputs, 0, w.output_height)
        expectAgreement(y, refY, absolute: 2e-5, "output")
        expectAgreement(dw, refDW, absolute: 1e-4, "gradient to the weights")
        ck_narrow_convolution(y.pointer, x.pointer, weights.pointer, nil, &w, outputs, 0, w.output_height)
        ck_ref_narrow_convolution(refY.pointer, x.pointer, weights.pointer, nil, &w, outputs, 0, w.output_height)
        expectAgreement(y, refY, absolute: 2e-5, "output without bias")
    }

    @Test(arguments: cases)
    func averagePoolAgreesWithTheReference(_ test: Case) {
        var w = test.window
        let x = Floats(random: w.height * w.width * w.channels, seed: 7, misalignedBy: 1)
        let outputs = w.output_height * w.output_width * w.channels
        let dy = Floats(random: outputs, seed: 8)
        let (y, refY) = (Floats(count: outputs, misalignedBy: 1), Floats(count: outputs))
        let (dx, refDX) = (Floats(count: x.count), Floats(count: x.count))
        for row in 0..<w.output_height { ck_average_pool(y.pointer, x.pointer, &w, row, row + 1) }
        for row in 0..<w.height { ck_average_pool_backward(dx.pointer, dy.pointer, &w, row, row + 1) }
        ck_ref_average_pool(refY.pointer, x.pointer, &w, 0, w.output_height)
        ck_ref_average_pool_backward(refDX.pointer, dy.pointer, &w, 0, w.height)
        expectAgreement(y, refY, absolute: 1e-6, "output")
        expectAgreement(dx, refDX, absolute: 1e-6, "gradient")
    }

    @Test(arguments: cases)
    func maxPoolAgreesWithTheReference(_ test: Case) {
        var w = test.window
        let x = Floats(random: w.height * w.width * w.channels, seed: 11, misalignedBy: 1)
        let outputs = w.output_height * w.output_width * w.channels
        let (y, refY) = (Floats(count: outputs, misalignedBy: 1), Floats(count: outputs))
        for row in 0..<w.output_height { ck_max_pool(y.pointer, x.pointer, &w, row, row + 1) }
        ck_ref_max_pool(refY.pointer, x.pointer, &w, 0, w.output_height)
        expectAgreement(y, refY, absolute: 0, "output")
    }

    @Test(arguments: [1, 2, 3], [1, 17])
    func nearestUpsamplingAgreesWithTheReference(factor: Int, channels: Int) {
        let (height, width) = (5, 4)
        let x = Floats(random: height * width * channels, seed: 9, misalignedBy: 1)
        let dy = Floats(random: x.count * factor * factor, seed: 10)
        let (y, refY) = (Floats(count: dy.count, misalignedBy: 1), Floats(count: dy.count))
        let (dx, refDX) = (Floats(count: x.count), Floats(count: x.count))
        for (first, last) in [(0, 2), (2, height)] {
            ck_upsample_nearest(y.pointer, x.pointer, factor, width, channels, first, last)
            ck_upsample_nearest_backward(dx.pointer, dy.pointer, factor, width, channels, first, last)
        }
        ck_ref_upsample_nearest(refY.pointer, x.pointer, factor, width, channels, 0, height)
        ck_ref_upsample_nearest_backward(refDX.pointer, dy.pointer, factor, width, channels, 0, height)
        expectAgreement(y, refY, relative: 0)
        expectAgreement(dx, refDX, absolute: 1e-6)
    }
}
