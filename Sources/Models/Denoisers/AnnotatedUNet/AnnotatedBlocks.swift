package import NeuralNet
package import TensorCore

/// A block of the annotated U-Net; `time` is nil in the last one.
package protocol AnnotatedBlock: Module {
    func callAsFunction(_ x: Tensor, time: Tensor?) -> Tensor
}

/// Convolution, group norm, SiLU.
final class NormedConvolution: Module {
    private let projection: Convolution2D
    private let norm: GroupNorm

    init(_ inputs: Int, _ outputs: Int, groups: Int, on device: Device) {
        projection = Convolution2D(inputs, outputs, kernel: 3, padding: 1, on: device)
        norm = GroupNorm(groups: groups, channels: outputs, on: device)
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("proj", projection)
        visitor("norm", norm)
    }

    func callAsFunction(_ x: Tensor) -> Tensor { norm(projection(x), then: .silu) }  // (N, H, W, outputs)
}

/// Residual block (He et al. 2015) with the time embedding added between its convolutions.
package final class AnnotatedResnetBlock: AnnotatedBlock {
    private let timeProjection: Linear?
    private let block1: NormedConvolution
    private let block2: NormedConvolution
    private let shortcut: Convolution2D?

    package init(_ inputs: Int, _ outputs: Int, timeWidth: Int?, groups: Int, on device: Device) {
        timeProjection = timeWidth.map { Linear($0, outputs, isHidden: false, on: device) }
        block1 = NormedConvolution(inputs, outputs, groups: groups, on: device)
        block2 = NormedConvolution(outputs, outputs, groups: groups, on: device)
        shortcut = inputs == outputs ? nil : Convolution2D(inputs, outputs, kernel: 1, on: device)
    }

    package func visit(_ visitor: inout ParameterVisitor) {
        visitor("mlp.1", timeProjection)
        visitor("block1", block1)
        visitor("block2", block2)
        visitor("res_conv", shortcut)
    }

    package func callAsFunction(_ x: Tensor, time: Tensor?) -> Tensor {  // x (N, H, W, C), time (N, E)
        var h = block1(x)  // (N, H, W, C')
        if let timeProjection, let time { h = h + timeProjection(time.silu()).perSample }
        return block2(h) + (shortcut?(x) ?? x)  // (N, H, W, C')
    }
}

/// ConvNeXt block (Liu et al. 2022): depthwise 7x7, time embedding, and two wide 3x3 convolutions.
package final class ConvNextBlock: AnnotatedBlock {
    private let timeProjection: Linear?
    private let depthwise: Convolution2D
    private let norm1: GroupNorm
    private let widen: Convolution2D
    private let norm2: GroupNorm
    private let narrow: Convolution2D
    private let shortcut: Convolution2D?

    package init(_ inputs: Int, _ outputs: Int, timeWidth: Int?, widening: Int, on device: Device) {
        timeProjection = timeWidth.map { Linear($0, inputs, isHidden: false, on: device) }
        depthwise = Convolution2D(inputs, inputs, kernel: 7, padding: 3, groups: inputs, on: device)
        norm1 = GroupNorm(groups: 1, channels: inputs, on: device)
        widen = Convolution2D(inputs, outputs * widening, kernel: 3, padding: 1, on: device)
        norm2 = GroupNorm(groups: 1, channels: outputs * widening, on: device)
        narrow = Convolution2D(outputs * widening, outputs, kernel: 3, padding: 1, on: device)
        shortcut = inputs == outputs ? nil : Convolution2D(inputs, outputs, kernel: 1, on: device)
    }

    package func visit(_ visitor: inout ParameterVisitor) {
        visitor("mlp.1", timeProjection)
        visitor("ds_conv", depthwise)
        visitor("net.0", norm1)
        visitor("net.1", widen)
        visitor("net.3", norm2)
        visitor("net.4", narrow)
        visitor("res_conv", shortcut)
    }

    package func callAsFunction(_ x: Tensor, time: Tensor?) -> Tensor {  // x (N, H, W, C), time (N, E)
        let vectors = time.flatMap { time in timeProjection.map { $0(time.gelu()) } }  // (N, C)
        var h = depthwise(x, perSample: vectors)  // (N, H, W, C)
        h = norm2(widen(norm1(h)).gelu())  // (N, H, W, mult C')
        return narrow(h, plus: shortcut?(x) ?? x)  // (N, H, W, C')
    }
}

extension Tensor {
    /// (N, C) as (N, 1, 1, C): the same for every pixel of a sample.
    fileprivate var perSample: Tensor { reshaped(to: [shape[0], 1, 1, shape[1]]) }
}
