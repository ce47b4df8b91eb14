import CKernels
import TestSupport
import Testing

struct WinogradTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let images: Int
        let size: (Int, Int)
        let inputs: Int
        let outputs: Int
        let padding: Int
        var testDescription: String {
            "\(images) x \(size.0) x \(size.1), \(inputs) to \(outputs), padding \(padding)"
        }

        var shape: CKWinograd {
            CKWinograd(
                images: images, height: size.0, width: size.1, inputs: inputs, output_height: size.0 + 2 * padding - 2,
                output_width: size.1 + 2 * padding - 2, outputs: outputs, padding_top: padding, padding_left: padding)
        }
    }

    static let cases = [
        Case(images: 1, size: (4, 4), inputs: 16, outputs: 32, padding: 1),
        Case(images: 3, size: (7, 9), inputs: 5, outputs: 3, padding: 1),
        Case(images: 2, size: (10, 6), inputs: 40, outputs: 17, padding: 0),
        Case(images: 2, size: (5, 5), inputs: 33, outputs: 65, padding: 2),
        Case(images: 5, size: (3, 3), inputs: 64, outputs: 64, padding: 1),
        Case(images: 1, size: (16, 16), inputs: 130, outputs: 96, padding: 1),
        Case(images: 1, size: (1, 2), inputs: 1, outputs: 1, padding: 1),
    ]

    /// Numbers of a case: input, weights, biases of each image, residual.
    private struct Numbers {
        let shape: CKWinograd
        let x, weights, bias, residual: Floats
        let transformed: Floats

        init(_ test: Case) {
            shape = test.shape
            x = Floats(random: shape.images * shape.height * shape.width * shape.inputs, seed: 1, misalignedBy: 1)
            weights = Floats(random: 9 * shape.inputs * shape.outputs, in: -1...1, seed: 2, misalignedBy: 3)
            bias = Floats(random: shape.images * shape.outputs, seed: 3)
            residual = Floats(
                random: shape.images * shape.output_height * shape.output_width * shape.outputs, seed: 4)
            transformed = Floats(count: ck_winograd_weight_size(shape.inputs, shape.outputs), misalignedBy: 1)
            // Panel by panel.
            for panel in 0..<ck_winograd_panels(shape.outputs) {
                ck_winograd_weights(
                    transformed.pointer, weights.pointer, shape.inputs, shape.outputs, false, panel, panel + 1)
            }
        }

        /// The convolution with all its tiles and outputs cut at the given places.
        func run(bias: Floats?, residual: Floats?, tiles: [Int] = [], outputs: [Int] = []) -> Floats {
            var shape = shape
            let y = Floats(count: self.residual.count, misalignedBy: 1)
            let scratch = Floats(count: ck_winograd_scratch(&shape))
            let tileCuts = [0] + tiles + [ck_winograd_tiles(&shape)]
            let outputCuts = [0] + outputs + [shape.outputs]
            for (firstTile, lastTile) in zip(tileCuts, tileCuts.dropFirst()) {
                for (firstOutput, lastOutput) in zip(outputCuts, outputCuts.dropFirst()) {
                    ck_winograd(
                        y.pointer, x.pointer, transformed.pointer, bias?.pointer, shape.outputs, residual?.pointer,
                        &shape, firstTile, lastTile, firstOutput, lastOutput, scratch.pointer)
                }
            }
            #expect(y.isIntact && scratch.isIntact && transformed.isIntact)
            return y
        }
    }

    @Test(arguments: cases)
    func agreesWithTheConvolution(_ test: Case) {
        let numbers = Numbers(test)
        var shape = numbers.shape
        for (bias, residual) in [(numbers.bias, numbers.residual), (nil, nil)] as [(Floats?, Floats?)] {
            let y = numbers.run(bias: bias, residual: residual)
            let reference = Floats(count: y.count)
            ck_ref_winograd(
                reference.pointer, numbers.x.pointer, numbers.weights.pointer, bias?.pointer, shape.outputs,
                residual?.pointer, &shape)
            #expect(relativeError(y.values, reference.values) < 1e-5)
        }
    }

    /// Cores share a convolution by its tiles and outputs: the bits must not show where.
    @Test func cutsDoNotChangeTheBits() {
        let numbers = Numbers(Case(images: 3, size: (13, 10), inputs: 20, outputs: 70, padding: 1))
        let whole = numbers.run(bias: numbers.bias, residual: numbers.residual)
        for tiles in [[1], [5, 6], [12, 30]] {
            for outputs in [[], [32], [32, 64]] {
                let parts = numbers.run(
                    bias: numbers.bias, residual: numbers.residual, tiles: tiles, outputs: outputs)
                #expect(parts.bits == whole.bits, "cut at tiles \(tiles), outputs \(outputs)")
            }
        }
    }

    /// Few tiles are multiplied panel by panel: that must not show either.
    @Test(arguments: cases)
    func panelsHaveTheSameBits(_ test: Case) {
        let numbers = Numbers(test)
        var shape = numbers.shape
        for turned in [false, true] {
            // The same numbers serve as turned weights of the same size.
            ck_winograd_weights(
                numbers.transformed.pointer, numbers.weights.pointer, shape.inputs, shape.outputs, turned, 0,
                ck_winograd_panels(shape.outputs))
            let whole = numbers.run(bias: numbers.bias, residual: numbers.residual)
            let y = Floats(count: whole.count, misalignedBy: 1)
            let tiles = Floats(count: ck_winograd_input_size(&shape))
            let scratch = Floats(count: max(ck_winograd_panel_scratch(&shape), shape.inputs + 15))
            for tile in 0..<ck_winograd_tiles(&shape) {
                ck_winograd_inputs(tiles.pointer, numbers.x.pointer, &shape, tile, tile + 1, scratch.pointer)
            }
            for panel in 0..<ck_winograd_panels(shape.outputs) {
                ck_winograd_panel(
                    y.pointer, tiles.pointer, numbers.weights.pointer, turned, numbers.bias.pointer, shape.outputs,
                    numbers.residual.pointer, &shape, panel, scratch.pointer)
            }
            #expect(y.bits == whole.bits && y.isIntact && tiles.isIntact && scratch.isIntact, "turned: \(turned)")
        }
    }

    @Test(arguments: cases)
    func turnedWeightsGiveTheGradientToTheInput(_ test: Case) {
        let numbers = Numbers(test)
        let s = numbers.shape
        var turned = CKWinograd(
            images: s.images, height: s.output_height, width: s.output_width, inputs: s.outputs,
            output_height: s.height,
            output_width: s.width, outputs: s.inputs, padding_top: 2 - s.padding_top, padding_left: 2 - s.padding_left)
        let transformed = Floats(count: ck_winograd_weight_size(turned.inputs, turned.outputs))
        ck_winograd_weights(
            transformed.pointer, numbers.weights.pointer, turned.inputs, turned.outputs, true, 0,
            ck_winograd_panels(turned.outputs))
        let (dx, scratch) = (Floats(count: numbers.x.count), Floats(count: ck_winograd_scratch(&turned)))
        ck_winograd(
            dx.pointer, numbers.residual.pointer, transformed.pointer, nil, 0, nil, &turned, 0,
            ck_winograd_tiles(&turned), 0, turned.outputs, scratch.pointer)
        // The weights turned by hand, and the plain convolution.
        let weights = Floats(count: numbers.weights.count)
        for o in 0..<s.outputs {
            for tap in 0..<9 {
                for i in 0..<s.inputs {
                    weights.pointer[(i * 9 + 8 - tap) * s.outputs + o] =
                        numbers.weights.pointer[(o * 9 + tap) * s.inputs + i]
                }
            }
        }
        let reference = Floats(count: dx.count)
        ck_ref_winograd(reference.pointer, numbers.residual.pointer, weights.pointer, nil, 0, nil, &turned)
        #expect(relativeError(dx.values, reference.values) < 1e-5)
        #expect(dx.isIntact && transformed.isIntact)
    }

    @Test(arguments: cases)
    func gradientToTheWeightsAgreesWithTheReference(_ test: Case) {
        let numbers = Numbers(test)
        var shape = numbers.shape
        let (fast, reference) = (Floats(count: numbers.weights.count), Floats(count: numbers.weights.count))
        // In blocks of channels, as cores share it.
        let (inputs, outputs) = (min(shape.inputs, 48), min(shape.outputs, 64))
        let scratch = Floats(count: ck_winograd_gradient_scratch(&shape, inputs, outputs))
        for i in stride(from: 0, to: shape.inputs, by: inputs) {
            for o in stride(from: 0, to: shape.outputs, by: outputs) {
                ck_winograd_weight_gradient(
                    fast.pointer, numbers.residual.pointer, numbers.x.pointer, &shape, i, min(i + inputs, shape.inputs),
                    o, min(o + outputs, shape.outputs), scratch.pointer)
            }
        }
        ck_ref_winograd_weight_gradient(
            reference.pointer, numbers.residual.pointer, numbers.x.pointer, &shape)
        #expect(relativeError(fast.values, reference.values) < 1e-5)
        #expect(fast.isIntact && scratch.isIntact)
    }

    @Test func nanReachesTheOutputsThatReadIt() {
        let numbers = Numbers(Case(images: 2, size: (12, 12), inputs: 20, outputs: 20, padding: 1))
        numbers.x.pointer[(5 * 12 + 5) * 20 + 3] = .nan
        let y = numbers.run(bias: nil, residual: nil).values
        let image = 12 * 12 * 20
        for row in 4...6 {
            for column in 4...6 {
                let pixel = (row * 12 + column) * 20
                #expect(y[pixel..<pixel + 20].allSatisfy { $0.isNaN })
            }
        }
        #expect(y.suffix(image).allSatisfy { !$0.isNaN })
    }
}
