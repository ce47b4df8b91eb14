import TensorCore

extension OperationTable {
    static let convolutions: [OperationRow] = forward + finished + transposed

    /// A convolution's extents as the reference needs them.
    private struct Extents: Sendable {
        var kernel: (Int, Int)
        var stride = (1, 1)
        /// Top, left, bottom, right.
        var padding = (0, 0, 0, 0)
        var groups = 1

        var geometry: ConvolutionGeometry {
            ConvolutionGeometry(
                kernel: (height: kernel.0, width: kernel.1), stride: (height: stride.0, width: stride.1),
                padding: (top: padding.0, left: padding.1, bottom: padding.2, right: padding.3), groups: groups)
        }

        static func same(_ size: Int, groups: Int = 1) -> Extents {
            let half = size / 2
            return Extents(kernel: (size, size), padding: (half, half, half, half), groups: groups)
        }
    }

    private static let forward: [OperationRow] = [
        convolution("1x1", .samples(2, 6, 7, 5), outputs: 4, Extents(kernel: (1, 1))),
        convolution("1x1 on few pixels", .samples(5, 2, 3, 16), outputs: 8, Extents(kernel: (1, 1))),
        convolution("1x1, stride 2", .samples(1, 7, 6, 3), outputs: 4, Extents(kernel: (1, 1), stride: (2, 2))),
        convolution("3x3, unpadded", .samples(2, 6, 5, 3), outputs: 4, Extents(kernel: (3, 3))),
        convolution("3x3", .samples(2, 7, 9, 4), outputs: 5, .same(3)),
        convolution("3x3, no bias", .samples(1, 8, 8, 4), outputs: 4, .same(3), bias: false),
        convolution("3x3 on one pixel", .samples(3, 1, 1, 4), outputs: 5, .same(3)),
        convolution("3x3 on 4 pixels", .samples(5, 2, 2, 6), outputs: 7, .same(3)),
        convolution("3x3 on 9 pixels", .samples(7, 3, 3, 8), outputs: 8, .same(3)),
        convolution("3x3 on 35 pixels", .samples(2, 5, 7, 16), outputs: 24, .same(3)),
        convolution("3x3 on 9x11 pixels, odd channels", .samples(3, 9, 11, 17), outputs: 19, .same(3)),
        convolution("3x3, unpadded, many channels", .samples(2, 8, 9, 16), outputs: 32, Extents(kernel: (3, 3))),
        convolution(
            "3x3, uneven padding, many channels", .samples(1, 6, 5, 20), outputs: 16,
            Extents(kernel: (3, 3), padding: (2, 0, 1, 3))),
        convolution("3x3, several blocks of channels", .samples(2, 8, 8, 72), outputs: 80, .same(3)),
        convolution("3x3, one channel", .samples(2, 9, 8, 1), outputs: 1, .same(3)),
        convolution("3x3, to one channel", .samples(2, 28, 28, 32), outputs: 1, .same(3)),
        convolution("3x3, several tiles", .samples(1, 17, 17, 64), outputs: 6, .same(3)),
        convolution("3x3, many pixels", .samples(1, 33, 30, 3), outputs: 3, .same(3)),
        convolution(
            "3x3, stride 2", .samples(2, 8, 8, 4), outputs: 6,
            Extents(kernel: (3, 3), stride: (2, 2), padding: (1, 1, 1, 1))),
        convolution(
            "3x3, stride 2, odd size", .samples(2, 9, 7, 4), outputs: 6,
            Extents(kernel: (3, 3), stride: (2, 2), padding: (1, 1, 1, 1))),
        convolution(
            "3x3, stride 2, padded at the end", .samples(2, 8, 8, 4), outputs: 6,
            Extents(kernel: (3, 3), stride: (2, 2), padding: (0, 0, 1, 1))),
        convolution("3x3 in 4 groups", .samples(2, 6, 5, 8), outputs: 12, .same(3, groups: 4)),
        convolution("3x3, each channel alone", .samples(2, 7, 7, 6), outputs: 6, .same(3, groups: 6)),
        convolution("7x7, each channel alone", .samples(2, 9, 10, 17), outputs: 17, .same(7, groups: 17)),
        convolution("7x7 on few pixels, each alone", .samples(2, 3, 4, 6), outputs: 6, .same(7, groups: 6)),
        convolution("7x7", .samples(2, 12, 11, 1), outputs: 6, .same(7)),
        convolution(
            "4x4, stride 2", .samples(2, 8, 10, 5), outputs: 5,
            Extents(kernel: (4, 4), stride: (2, 2), padding: (1, 1, 1, 1))),
        convolution(
            "2x3, uneven padding", .samples(2, 6, 7, 3), outputs: 4,
            Extents(kernel: (2, 3), padding: (0, 1, 1, 1))),
        convolution(
            "5x5, stride 2x3", .samples(1, 11, 12, 3), outputs: 4,
            Extents(kernel: (5, 5), stride: (2, 3), padding: (2, 2, 2, 2))),
        convolution(
            "wider padding than the kernel", .samples(1, 3, 3, 2), outputs: 2,
            Extents(kernel: (2, 2), padding: (3, 2, 2, 3))),
        convolution(
            "3x3, stride 2, each channel alone", .samples(2, 7, 8, 5), outputs: 5,
            Extents(kernel: (3, 3), stride: (2, 2), padding: (1, 1, 1, 1), groups: 5)),
    ]

    /// One for each way a convolution is computed.
    private static let finished: [OperationRow] = [
        ("1x1", .samples(3, 6, 7, 5), 4, Extents(kernel: (1, 1))),
        ("3x3, many channels", .samples(3, 9, 6, 17), 33, .same(3)),
        ("3x3, many channels and tiles", .samples(3, 33, 18, 16), 48, .same(3)),
        ("3x3, few channels", .samples(3, 5, 6, 4), 5, .same(3)),
        ("3x3, to few channels", .samples(3, 12, 9, 16), 3, .same(3)),
        ("each channel alone", .samples(3, 6, 7, 6), 6, .same(7, groups: 6)),
    ].flatMap { (name: String, input: OperationRow.Input, outputs: Int, extents: Extents) in
        [
            convolution("\(name), plus vectors", input, outputs: outputs, extents, hasVectors: true),
            convolution(
                "\(name), no bias, plus vectors", input, outputs: outputs, extents, bias: false, hasVectors: true),
            convolution("\(name), plus a residual", input, outputs: outputs, extents, hasResidual: true),
            convolution(
                "\(name), plus both", input, outputs: outputs, extents, hasVectors: true, hasResidual: true),
        ]
    }

    private static func convolution(
        _ name: String, _ input: OperationRow.Input, outputs: Int, _ extents: Extents, bias: Bool = true,
        hasVectors: Bool = false, hasResidual: Bool = false
    ) -> OperationRow {
        let channels = input.shape[3] / extents.groups
        let (kh, kw) = extents.kernel
        let (top, left, bottom, right) = extents.padding
        let height = (input.shape[1] + top + bottom - kh) / extents.stride.0 + 1
        let width = (input.shape[2] + left + right - kw) / extents.stride.1 + 1
        // Where in the inputs each of the optional ones is.
        let vectorsAt = bias ? 3 : 2
        let residualAt = vectorsAt + (hasVectors ? 1 : 0)
        return OperationRow(
            .convolution, name,
            [input, .shared(outputs, kh, kw, channels, distribution: { 0.3 * $0 })] + (bias ? [.shared(outputs)] : [])
                + (hasVectors ? [.samples(input.shape[0], outputs)] : [])
                + (hasResidual ? [.samples(input.shape[0], height, width, outputs)] : []),
            compute: {
                $0[0].convolution(
                    $0[1], bias: bias ? $0[2] : nil, extents.geometry, perSample: hasVectors ? $0[vectorsAt] : nil,
                    plus: hasResidual ? $0[residualAt] : nil)
            },
            reference: { inputs in
                let (x, weight) = (inputs[0], inputs[1])
                return Plain([x.shape[0], height, width, outputs]) { i in
                    let group = i[3] / (outputs / extents.groups)
                    var sum = bias ? inputs[2][i[3]] : 0
                    if hasVectors { sum += inputs[vectorsAt][i[0], i[3]] }
                    if hasResidual { sum += inputs[residualAt][i] }
                    for dy in 0..<kh {
                        for dx in 0..<kw {
                            for c in 0..<channels {
                                sum +=
                                    weight[i[3], dy, dx, c]
                                    * x.pixel(
                                        i[0], i[1] * extents.stride.0 + dy - top, i[2] * extents.stride.1 + dx - left,
                                        group * channels + c)
                            }
                        }
                    }
                    return sum
                }
            })
    }

    private static let transposed: [OperationRow] = [
        transposedConvolution("4x4, stride 2", .samples(2, 4, 5, 5), outputs: 5, kernel: 4, stride: 2, padding: 1),
        transposedConvolution(
            "4x4, stride 2, no bias", .samples(1, 7, 7, 3), outputs: 6, kernel: 4, stride: 2, padding: 1, bias: false),
        transposedConvolution("3x3", .samples(2, 5, 6, 4), outputs: 3, kernel: 3, stride: 1, padding: 1),
        transposedConvolution("3x3, stride 2", .samples(2, 5, 4, 4), outputs: 3, kernel: 3, stride: 2, padding: 1),
        transposedConvolution("2x2, stride 2", .samples(2, 3, 3, 4), outputs: 6, kernel: 2, stride: 2, padding: 0),
        transposedConvolution("one pixel", .samples(3, 1, 1, 2), outputs: 2, kernel: 4, stride: 2, padding: 1),
        transposedConvolution(
            "2 groups", .samples(2, 3, 4, 4), outputs: 6, kernel: 4, stride: 2, padding: 1, groups: 2),
        transposedConvolution("large", .samples(1, 14, 14, 24), outputs: 24, kernel: 4, stride: 2, padding: 1),
    ]

    private static func transposedConvolution(
        _ name: String, _ input: OperationRow.Input, outputs: Int, kernel: Int, stride: Int, padding: Int,
        bias: Bool = true, groups: Int = 1
    ) -> OperationRow {
        let (inputs, groupOutputs) = (input.shape[3], outputs / groups)
        let geometry = ConvolutionGeometry(kernel: kernel, stride: stride, padding: padding, groups: groups)
        return OperationRow(
            .transposedConvolution, name,
            [input, .shared(inputs, kernel, kernel, groupOutputs, distribution: { 0.3 * $0 })]
                + (bias ? [.shared(outputs)] : []),
            compute: { $0[0].transposedConvolution($0[1], bias: $0.count > 2 ? $0[2] : nil, geometry) },
            reference: { tensors in
                let (x, weight) = (tensors[0], tensors[1])
                let extent = { (size: Int) in (size - 1) * stride + kernel - 2 * padding }
                var result = Plain([x.shape[0], extent(x.shape[1]), extent(x.shape[2]), outputs]) {
                    tensors.count > 2 ? tensors[2][$0[3]] : 0
                }
                // Each input pixel adds its kernel to the result.
                _ = Plain(x.shape) { i in
                    let group = i[3] / (inputs / groups)
                    for dy in 0..<kernel {
                        for dx in 0..<kernel {
                            let (row, column) = (i[1] * stride + dy - padding, i[2] * stride + dx - padding)
                            guard row >= 0, row < result.shape[1], column >= 0, column < result.shape[2] else {
                                continue
                            }
                            for o in 0..<groupOutputs {
                                result[[i[0], row, column, group * groupOutputs + o]] +=
                                    x[i] * weight[i[3], dy, dx, o]
                            }
                        }
                    }
                    return 0
                }
                return result
            })
    }
}
