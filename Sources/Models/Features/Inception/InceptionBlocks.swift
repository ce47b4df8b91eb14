internal import NeuralNet
internal import TensorCore

/// A block whose branches see the same input, and whose outputs stand side by side.
protocol InceptionBlock: Module {
    /// (N, H, W, C) -> (N, H', W', C').
    func callAsFunction(_ x: Tensor) -> Tensor
}

/// Convolutions one after the other, each under its own name.
struct Branch {
    let layers: [(name: String, layer: NormalizedConvolution)]

    /// One of them: its kernel, and whether the border is padded so that the size stays.
    struct Step {
        let name: String
        let outputs: Int
        let kernel: (height: Int, width: Int)
        let stride: Int
        let isPadded: Bool

        init(_ name: String, _ outputs: Int, _ height: Int, _ width: Int, stride: Int = 1, isPadded: Bool = true) {
            (self.name, self.outputs, kernel) = (name, outputs, (height, width))
            (self.stride, self.isPadded) = (stride, isPadded)
        }
    }

    init(_ inputs: Int, _ steps: [Step], on device: Device) {
        var channels = inputs
        layers = steps.map { step in
            let (down, across) = step.isPadded ? (step.kernel.height / 2, step.kernel.width / 2) : (0, 0)
            let geometry = ConvolutionGeometry(
                kernel: step.kernel, stride: (step.stride, step.stride), padding: (down, across, down, across))
            defer { channels = step.outputs }
            return (step.name, NormalizedConvolution(channels, step.outputs, geometry, on: device))
        }
    }

    func visit(_ visitor: inout ParameterVisitor) {
        for (name, layer) in layers { visitor(name, layer) }
    }

    func callAsFunction(_ x: Tensor) -> Tensor { layers.reduce(x) { $1.layer($0) } }
}

extension ConvolutionGeometry {
    /// 3x3 windows that keep the size.
    static var around: ConvolutionGeometry { ConvolutionGeometry(kernel: 3, padding: 1) }
    /// 3x3 windows that halve it.
    static var halving: ConvolutionGeometry { ConvolutionGeometry(kernel: 3, stride: 2) }
}

/// Branches of single, 5x5 and two 3x3 kernels, and a pool (figure 5).
final class InceptionA: InceptionBlock {
    private let (single, five, double, pool): (Branch, Branch, Branch, Branch)

    init(_ inputs: Int, pooled: Int, on device: Device) {
        single = Branch(inputs, [.init("branch1x1", 64, 1, 1)], on: device)
        five = Branch(inputs, [.init("branch5x5_1", 48, 1, 1), .init("branch5x5_2", 64, 5, 5)], on: device)
        double = Branch(
            inputs,
            [
                .init("branch3x3dbl_1", 64, 1, 1), .init("branch3x3dbl_2", 96, 3, 3),
                .init("branch3x3dbl_3", 96, 3, 3),
            ], on: device)
        pool = Branch(inputs, [.init("branch_pool", pooled, 1, 1)], on: device)
    }

    func visit(_ visitor: inout ParameterVisitor) {
        for branch in [single, five, double, pool] { branch.visit(&visitor) }
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        .concatenated([single(x), five(x), double(x), pool(x.averagePooled(.around))], axis: 3)
    }
}

/// Halves the grid of 35x35 (figure 10).
final class InceptionB: InceptionBlock {
    private let (three, double): (Branch, Branch)

    init(_ inputs: Int, on device: Device) {
        three = Branch(inputs, [.init("branch3x3", 384, 3, 3, stride: 2, isPadded: false)], on: device)
        double = Branch(
            inputs,
            [
                .init("branch3x3dbl_1", 64, 1, 1), .init("branch3x3dbl_2", 96, 3, 3),
                .init("branch3x3dbl_3", 96, 3, 3, stride: 2, isPadded: false),
            ], on: device)
    }

    func visit(_ visitor: inout ParameterVisitor) {
        for branch in [three, double] { branch.visit(&visitor) }
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        .concatenated([three(x), double(x), x.maxPooled(.halving)], axis: 3)
    }
}

/// 7x7 kernels as pairs of 1x7 and 7x1 (figure 6).
final class InceptionC: InceptionBlock {
    private let (single, seven, double, pool): (Branch, Branch, Branch, Branch)

    init(_ inputs: Int, inner: Int, on device: Device) {
        single = Branch(inputs, [.init("branch1x1", 192, 1, 1)], on: device)
        seven = Branch(
            inputs,
            [
                .init("branch7x7_1", inner, 1, 1), .init("branch7x7_2", inner, 1, 7),
                .init("branch7x7_3", 192, 7, 1),
            ], on: device)
        double = Branch(
            inputs,
            [
                .init("branch7x7dbl_1", inner, 1, 1), .init("branch7x7dbl_2", inner, 7, 1),
                .init("branch7x7dbl_3", inner, 1, 7), .init("branch7x7dbl_4", inner, 7, 1),
                .init("branch7x7dbl_5", 192, 1, 7),
            ], on: device)
        pool = Branch(inputs, [.init("branch_pool", 192, 1, 1)], on: device)
    }

    func visit(_ visitor: inout ParameterVisitor) {
        for branch in [single, seven, double, pool] { branch.visit(&visitor) }
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        .concatenated([single(x), seven(x), double(x), pool(x.averagePooled(.around))], axis: 3)
    }
}

/// Halves the grid of 17x17.
final class InceptionD: InceptionBlock {
    private let (three, seven): (Branch, Branch)

    init(_ inputs: Int, on device: Device) {
        three = Branch(
            inputs,
            [.init("branch3x3_1", 192, 1, 1), .init("branch3x3_2", 320, 3, 3, stride: 2, isPadded: false)], on: device)
        seven = Branch(
            inputs,
            [
                .init("branch7x7x3_1", 192, 1, 1), .init("branch7x7x3_2", 192, 1, 7),
                .init("branch7x7x3_3", 192, 7, 1),
                .init("branch7x7x3_4", 192, 3, 3, stride: 2, isPadded: false),
            ], on: device)
    }

    func visit(_ visitor: inout ParameterVisitor) {
        for branch in [three, seven] { branch.visit(&visitor) }
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        .concatenated([three(x), seven(x), x.maxPooled(.halving)], axis: 3)
    }
}

/// Branches that fork at their ends, for the coarsest grid (figure 7).
final class InceptionE: InceptionBlock {
    enum Pool { case average, maximum }

    private let (single, pool): (Branch, Branch)
    private let three: Fork
    private let double: Fork
    private let kind: Pool

    /// A branch whose last layer is two beside each other, 1x3 and 3x1.
    private struct Fork {
        let stem: Branch
        let ends: [Branch]

        init(_ stem: Branch, _ name: String, on device: Device) {
            self.stem = stem
            ends = [("a", 1, 3), ("b", 3, 1)].map { suffix, height, width in
                Branch(384, [.init(name + suffix, 384, height, width)], on: device)
            }
        }

        func visit(_ visitor: inout ParameterVisitor) {
            for branch in [stem] + ends { branch.visit(&visitor) }
        }

        func callAsFunction(_ x: Tensor) -> Tensor {
            let h = stem(x)  // (N, H, W, 384)
            return .concatenated(ends.map { $0(h) }, axis: 3)  // (N, H, W, 768)
        }
    }

    init(_ inputs: Int, pool kind: Pool, on device: Device) {
        self.kind = kind
        single = Branch(inputs, [.init("branch1x1", 320, 1, 1)], on: device)
        three = Fork(Branch(inputs, [.init("branch3x3_1", 384, 1, 1)], on: device), "branch3x3_2", on: device)
        double = Fork(
            Branch(inputs, [.init("branch3x3dbl_1", 448, 1, 1), .init("branch3x3dbl_2", 384, 3, 3)], on: device),
            "branch3x3dbl_3", on: device)
        pool = Branch(inputs, [.init("branch_pool", 192, 1, 1)], on: device)
    }

    func visit(_ visitor: inout ParameterVisitor) {
        single.visit(&visitor)
        three.visit(&visitor)
        double.visit(&visitor)
        pool.visit(&visitor)
    }

    func callAsFunction(_ x: Tensor) -> Tensor {
        let pooled = kind == .average ? x.averagePooled(.around) : x.maxPooled(.around)  // (N, H, W, C)
        return .concatenated([single(x), three(x), double(x), pool(pooled)], axis: 3)  // (N, H, W, 2048)
    }
}
