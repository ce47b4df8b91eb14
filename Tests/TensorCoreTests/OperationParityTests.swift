import Glibc
import NumericTestSupport
import StrictJSON
import TensorCore
import TestSupport
import Testing

/// Operations against the reference implementation: results within 1e-6 of the largest value, gradients within 5e-6.
@Suite struct OperationParityTests {
    private let device = Device(threads: 2)

    @Test(arguments: try Fixture("ops_conv2d").cases)
    func convolution(_ test: Fixture.Case) throws {
        let kernel = try integers(test, "kernel")
        let stride = try integers(test, "stride")
        let padding = try integers(test, "padding")  // left, right, top, bottom
        let geometry = ConvolutionGeometry(
            kernel: (height: kernel[0], width: kernel[1]), stride: (height: stride[0], width: stride[1]),
            padding: (top: padding[2], left: padding[0], bottom: padding[3], right: padding[1]),
            groups: try integer(test, "groups"))
        try check(test) { try required($0, "input").convolution(required($0, "weight"), bias: $0["bias"], geometry) }
    }

    @Test(arguments: try Fixture("ops_conv_transpose2d").cases)
    func transposedConvolution(_ test: Fixture.Case) throws {
        let kernel = try integer(test, "kernel")
        let stride = try integer(test, "stride")
        let padding = try integer(test, "padding")
        // What PyTorch adds to the output it takes from the padding at the end.
        let end = padding - (try integer(test, "output_padding"))
        let geometry = ConvolutionGeometry(
            kernel: (height: kernel, width: kernel), stride: (height: stride, width: stride),
            padding: (top: padding, left: padding, bottom: end, right: end), groups: try integer(test, "groups"))
        try check(test) {
            try required($0, "input").transposedConvolution(required($0, "weight"), bias: $0["bias"], geometry)
        }
    }

    @Test(arguments: try Fixture("ops_linear").cases)
    func linear(_ test: Fixture.Case) throws {
        try check(test) { try required($0, "input").linear(required($0, "weight"), bias: $0["bias"]) }
    }

    @Test(arguments: try Fixture("ops_group_norm").cases)
    func groupNorm(_ test: Fixture.Case) throws {
        let groups = try integer(test, "groups")
        let epsilon = Float(try #require(test.options["eps"]?.number))
        // Tokens are (N, C, L) there.
        try check(test, layout: { $0.shape.rank == 3 ? $0.permuted([0, 2, 1]) : $0.channelsLast }) {
            try required($0, "input").groupNorm(
                weight: required($0, "weight"), bias: required($0, "bias"), groups: groups, epsilon: epsilon)
        }
    }

    @Test(arguments: try Fixture("ops_layer_norm").cases)
    func layerNorm(_ test: Fixture.Case) throws {
        let epsilon = Float(try #require(test.options["eps"]?.number))
        try check(test) {
            try required($0, "input").layerNorm(weight: $0["weight"], bias: $0["bias"], epsilon: epsilon)
        }
    }

    @Test(arguments: try Fixture("ops_rms_norm").cases)
    func rmsNorm(_ test: Fixture.Case) throws {
        let epsilon = Float(try #require(test.options["eps"]?.number))
        // Heads are (N, L, heads, size), no images.
        try check(test, layout: { $0 }) { try required($0, "input").rmsNorm(weight: $0["weight"], epsilon: epsilon) }
    }

    @Test(arguments: try Fixture("ops_rotary").cases)
    func rotary(_ test: Fixture.Case) throws {
        let pairs: RotaryPairs = test.options["pairs"]?.string == "halves" ? .halves : .interleaved
        let angles = try test.tensor("angles").values.map(Double.init)
        let shape = Shape(try test.tensor("angles").shape)
        let (cosines, sines) = (
            Tensor(angles.map { Float(cos($0)) }, shape: shape, on: device),
            Tensor(angles.map { Float(sin($0)) }, shape: shape, on: device)
        )
        try check(test) { try required($0, "input").rotated(cosines: cosines, sines: sines, pairs: pairs) }
    }

    @Test(arguments: try Fixture("ops_activation").cases)
    func activation(_ test: Fixture.Case) throws {
        let functions: [String: Unary] = [
            "silu": .silu, "gelu": .gelu, "gelu_tanh": .geluTanh, "relu": .relu, "sigmoid": .sigmoid, "tanh": .tanh,
        ]
        let function = try #require(functions[test.name])
        try check(test) { function.apply(try required($0, "input")) }
    }

    @Test(arguments: try Fixture("ops_softmax").cases)
    func softmax(_ test: Fixture.Case) throws {
        let isLast = try integer(test, "axis") == -1
        // Where one probability is nearly 1, the gradient is what is left of a difference of numbers of order 1.
        let tolerance = test.name == "large_values" ? 2e-4 : 1e-6
        try check(test, tolerance: tolerance, layout: { isLast ? $0 : $0.permuted([0, 2, 1]) }) {
            try required($0, "input").softmax()
        }
    }

    @Test(arguments: try Fixture("ops_attention").cases)
    func attention(_ test: Fixture.Case) throws {
        let heads = try integer(test, "heads")
        let scale = Float(try #require(test.options["scale"]?.number))
        // Scores of up to 100 are rounded before their exponential is taken.
        let tolerance = test.name == "sharp" ? 1e-5 : 1e-6
        try check(test, tolerance: tolerance) {
            try required($0, "query").attention(
                key: required($0, "key"), value: required($0, "value"), heads: heads, scale: scale)
        }
    }

    @Test(arguments: try Fixture("ops_embedding").cases)
    func embedding(_ test: Fixture.Case) throws {
        let indices = try integers(test, "indices")
        try check(test) { try required($0, "table").rows(at: indices) }
    }

    @Test(arguments: try Fixture("ops_upsample_nearest").cases)
    func upsampling(_ test: Fixture.Case) throws {
        let factor = try integer(test, "factor")
        try check(test) { try required($0, "input").upsampledNearest(factor) }
    }

    @Test(arguments: try Fixture("ops_avg_pool2d").cases)
    func averagePooling(_ test: Fixture.Case) throws {
        let kernel = try integer(test, "kernel")
        try check(test) { try required($0, "input").averagePooled(kernel) }
    }

    @Test(arguments: try Fixture("ops_loss").cases)
    func loss(_ test: Fixture.Case) throws {
        let losses: [String: Loss] = [
            "mse": .meanSquared, "l1": .meanAbsolute, "huber": .smoothL1(delta: 1),
        ]
        let loss = try #require(losses[test.name])
        let target = try test.tensor("target", on: device)
        let differences = try test.differences(["prediction"], on: device) {
            loss(try required($0, "prediction"), target).reshaped(to: [1])
        }
        #expect(differences.output < 1e-6 && differences.worstGradient.error < 1e-6)
    }

    // MARK: -

    private func check(
        _ test: Fixture.Case, tolerance: Double = 1e-6, layout: (Tensor) -> Tensor = \.channelsLast,
        _ compute: ([String: Tensor]) throws -> Tensor
    ) throws {
        let names = ["input", "weight", "bias", "query", "key", "value", "table"]
        let differences = try test.differences(names, on: device, layout: layout, compute: compute)
        #expect(!differences.gradients.isEmpty)
        #expect(differences.output < tolerance)
        let (name, error) = differences.worstGradient
        #expect(error < 5 * tolerance, "\(name)")
    }

    private func required(_ tensors: [String: Tensor], _ name: String) throws -> Tensor {
        try #require(tensors[name])
    }

    private func integer(_ test: Fixture.Case, _ key: String) throws -> Int {
        try #require(test.options[key]?.integer)
    }

    private func integers(_ test: Fixture.Case, _ key: String) throws -> [Int] {
        try #require(test.options[key]?.elements).map { try #require($0.integer) }
    }
}
