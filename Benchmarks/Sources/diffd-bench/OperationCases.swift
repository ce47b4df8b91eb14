internal import NeuralNet
internal import TensorCore

extension OperationCase {
    /// The table: shapes of the U-Nets, the VAE of Stable Diffusion, DiT-S/2 and the MLP.
    static var all: [OperationCase] {
        convolutions + [
            convolution(n: 16, size: 32, 256, 128, kernel: 1), convolution(n: 16, size: 16, 512, 256, kernel: 1),
            linear(rows: 25, 256, 256), linear(rows: 1200, 256, 256), linear(rows: 16, 512, 256),
            linear(rows: 4096, 256, 256), linear(rows: 2048, 384, 1536),
            // Of Stable Diffusion's transformers at 64 x 64, 32 x 32 and 16 x 16 pixels.
            linear(rows: 8192, 320, 320), linear(rows: 8192, 320, 2560), linear(rows: 8192, 1280, 320),
            linear(rows: 2048, 640, 5120), linear(rows: 512, 1280, 10240), linear(rows: 512, 5120, 1280),
            groupNorm(n: 16, size: 32, 128), groupNorm(n: 16, size: 16, 256), groupNorm(n: 1, size: 128, 512),
            layerNorm(rows: 2048, 384), rmsNorm(rows: 2048, 4096), rotary(tokens: 4096, heads: 24, 128),
            attention(n: 16, tokens: 256, heads: 1, 256), attention(n: 16, tokens: 16, heads: 1, 256),
            attention(n: 8, tokens: 256, heads: 6, 64), attention(n: 2, tokens: 4096, heads: 8, 40),
            attention(n: 2, tokens: 4096, heads: 8, 40, keys: 77),
            attention(n: 1, tokens: 512, heads: 64, 64, hasBias: true),
        ] + passes
    }

    private static var convolutions: [OperationCase] {
        // Of numerics' table, then the other layers of the CIFAR-10 U-Net, then those at batch 1.
        [
            (16, 32, 128, 128), (16, 16, 256, 256), (2, 64, 320, 320), (1, 128, 512, 512), (1, 512, 128, 128),
            (8, 64, 64, 64), (16, 32, 3, 128), (16, 32, 128, 3), (16, 16, 128, 256), (16, 8, 256, 256),
            (16, 4, 256, 256),
            (16, 4, 512, 256), (16, 8, 512, 256), (16, 16, 512, 256), (16, 32, 384, 128), (16, 32, 256, 128),
            (1, 32, 128, 128), (1, 16, 256, 256), (1, 8, 256, 256), (1, 4, 256, 256), (64, 28, 32, 32),
            (128, 28, 28, 56),
        ].map { convolution(n: $0.0, size: $0.1, $0.2, $0.3, kernel: 3) } + [
            convolution(n: 16, size: 32, 128, 128, kernel: 3, stride: 2), depthwise(n: 128, size: 28, 28, kernel: 7),
        ]
    }

    private static func random(_ shape: Shape, _ device: Device, _ number: Int = 0) -> Tensor {
        .normal(shape, seed: 1, purpose: .dataset, step: number, on: device)
    }

    private static func convolution(
        n: Int, size: Int, _ inputs: Int, _ outputs: Int, kernel: Int, stride: Int = 1
    ) -> OperationCase {
        let geometry = ConvolutionGeometry(kernel: kernel, stride: stride, padding: kernel / 2)
        let side = size / stride
        let operations = 2 * Double(n * side * side * outputs * inputs * kernel * kernel)
        return OperationCase(
            name: "convolution \(kernel)x\(kernel)\(stride > 1 ? " stride \(stride)" : "")",
            shape: "\(n), \(size)x\(size), \(inputs) to \(outputs)", work: .operations(operations),
            backwardWork: .operations(2 * operations)
        ) { device in
            Instance(
                inputs: [
                    random([n, size, size, inputs], device), random([outputs, kernel, kernel, inputs], device, 1),
                    random([outputs], device, 2),
                ],
                run: { $0[0].convolution($0[1], bias: $0[2], geometry) })
        }
    }

    private static func depthwise(n: Int, size: Int, _ channels: Int, kernel: Int) -> OperationCase {
        let geometry = ConvolutionGeometry(kernel: kernel, padding: kernel / 2, groups: channels)
        let operations = 2 * Double(n * size * size * channels * kernel * kernel)
        return OperationCase(
            name: "depthwise \(kernel)x\(kernel)", shape: "\(n), \(size)x\(size), \(channels)",
            work: .operations(operations), backwardWork: .operations(2 * operations)
        ) { device in
            Instance(
                inputs: [
                    random([n, size, size, channels], device), random([channels, kernel, kernel, 1], device, 1),
                    random([channels], device, 2),
                ],
                run: { $0[0].convolution($0[1], bias: $0[2], geometry) })
        }
    }

    private static func linear(rows: Int, _ inputs: Int, _ outputs: Int) -> OperationCase {
        let operations = 2 * Double(rows * inputs * outputs)
        return OperationCase(
            name: "linear", shape: "\(rows), \(inputs) to \(outputs)", work: .operations(operations),
            backwardWork: .operations(2 * operations)
        ) { device in
            Instance(
                inputs: [
                    random([rows, inputs], device), random([outputs, inputs], device, 1), random([outputs], device, 2),
                ],
                run: { $0[0].linear($0[1], bias: $0[2]) })
        }
    }

    /// Bytes: x read and y written; backward x and g read, dx written. The statistics need x a second time, which a cache may
    /// or may not spare.
    private static func groupNorm(n: Int, size: Int, _ channels: Int) -> OperationCase {
        let bytes = 4 * Double(n * size * size * channels)
        return OperationCase(
            name: "group norm + SiLU", shape: "\(n), \(size)x\(size), \(channels)", work: .bytes(2 * bytes),
            backwardWork: .bytes(3 * bytes)
        ) { device in
            Instance(
                inputs: [
                    random([n, size, size, channels], device), random([channels], device, 1),
                    random([channels], device, 2),
                ],
                run: { $0[0].groupNorm(weight: $0[1], bias: $0[2], groups: 32, epsilon: 1e-5, activation: .silu) })
        }
    }

    private static func layerNorm(rows: Int, _ channels: Int) -> OperationCase {
        let bytes = 4 * Double(rows * channels)
        return OperationCase(
            name: "layer norm", shape: "\(rows), \(channels)", work: .bytes(2 * bytes), backwardWork: .bytes(3 * bytes)
        ) { device in
            Instance(
                inputs: [
                    random([1, rows, channels], device), random([channels], device, 1), random([channels], device, 2),
                ],
                run: { $0[0].layerNorm(weight: $0[1], bias: $0[2], epsilon: 1e-5) })
        }
    }

    private static func rmsNorm(rows: Int, _ channels: Int) -> OperationCase {
        let bytes = 4 * Double(rows * channels)
        return OperationCase(
            name: "RMS norm", shape: "\(rows), \(channels)", work: .bytes(2 * bytes), backwardWork: .bytes(3 * bytes)
        ) { device in
            Instance(
                inputs: [random([1, rows, channels], device), random([channels], device, 1)],
                run: { $0[0].rmsNorm(weight: $0[1], epsilon: 1e-6) })
        }
    }

    private static func rotary(tokens: Int, heads: Int, _ size: Int) -> OperationCase {
        let bytes = 4 * Double(tokens * heads * size)
        return OperationCase(
            name: "rotary", shape: "\(tokens) tokens, \(heads) x \(size)", work: .bytes(2 * bytes),
            backwardWork: .bytes(2 * bytes)
        ) { device in
            let angles = random([tokens, size / 2], device, 1)
            let (cosines, sines) = (angles.cos(), angles.sin())
            return Instance(
                inputs: [random([1, tokens, heads * size], device)],
                run: { $0[0].rotated(cosines: cosines, sines: sines, pairs: .interleaved) })
        }
    }

    /// Operations: two products, backward five.
    ///
    /// - Parameters:
    ///   - keys: tokens attended to; the queries' own when left out.
    ///   - hasBias: whether the scores of each head have a bias, which samples share.
    static func attention(
        n: Int, tokens: Int, heads: Int, _ size: Int, keys: Int? = nil, hasBias: Bool = false
    ) -> OperationCase {
        let length = keys ?? tokens
        let product = 2 * Double(n * heads * tokens * length * size)
        return OperationCase(
            name: hasBias ? "attention + bias" : "attention",
            shape: "\(n), \(tokens) tokens\(keys.map { " to \($0)" } ?? ""), \(heads) x \(size)",
            work: .operations(2 * product), backwardWork: .operations(5 * product)
        ) { device in
            let others = (1...2).map { random([n, length, heads * size], device, $0) }
            return Instance(
                inputs: [random([n, tokens, heads * size], device)] + others
                    + (hasBias ? [random([heads, tokens, length], device, 3)] : []),
                run: {
                    $0[0].attention(
                        key: $0[1], value: $0[2], heads: heads, scale: 1 / Float(size).squareRoot(),
                        bias: $0.count > 3 ? $0[3] : nil)
                })
        }
    }

    /// What memory limits.
    private static var passes: [OperationCase] {
        let shape: Shape = [16, 32, 32, 256]
        let bytes = 4 * Double(shape.elementCount)
        let text = "16, 32x32, 256"
        func pass(
            _ name: String, _ arrays: Double, backward: Double?, count: Int = 1, _ run: @escaping ([Tensor]) -> Tensor
        ) -> OperationCase {
            OperationCase(
                name: name, shape: text, work: .bytes(arrays * bytes), backwardWork: backward.map { .bytes($0 * bytes) }
            ) { device in Instance(inputs: (0..<count).map { random(shape, device, $0) }, run: run) }
        }
        let parameters = 35_746_307
        return [
            pass("add", 3, backward: nil, count: 2) { $0[0] + $0[1] },
            pass("multiply", 3, backward: 6, count: 2) { $0[0] * $0[1] },
            pass("SiLU", 2, backward: 3) { $0[0].silu() },
            pass("GELU", 2, backward: 3) { $0[0].gelu() },
            pass("quick GELU", 2, backward: 3) { $0[0].quickGELU() },
            pass("softmax", 2, backward: 3) { $0[0].softmax() },
            pass("concatenate", 4, backward: 4, count: 2) { Tensor.concatenated($0, axis: 3) },
            pass("upsample", 5, backward: 5) { $0[0].upsampledNearest(2) },
            pass("mean squared error", 2, backward: nil, count: 2) { Loss.meanSquared($0[0], $0[1]) },
            pass("normal random numbers", 1, backward: nil) { random($0[0].shape, $0[0].device) },
            OperationCase(name: "AdamW + average", shape: "\(parameters)", work: .bytes(9 * 4 * Double(parameters))) {
                device in
                let flat = Shape([parameters])
                return Instance(inputs: (0..<5).map { _ in Tensor.full(0.5, shape: flat, on: device) }) { x in
                    x[0].applyUpdate(
                        .adam(Adam(weightDecay: 0.01, isDecoupled: true), step: 10),
                        gradient: x[1], moments: [x[2], x[3]], average: x[4],
                        settings: UpdateSettings(learningRate: 1e-4, gradientScale: 1, averageDecay: 0.999))
                    return x[0]
                }
            },
        ]
    }
}
