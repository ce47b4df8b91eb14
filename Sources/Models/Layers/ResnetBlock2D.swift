package import NeuralNet
package import TensorCore

/// The residual block of the DDPM U-Net (Ho et al. 2020, appendix B; Dhariwal & Nichol 2021 for scale and shift):
/// norm, activation, convolution, time embedding, norm, activation, convolution, plus the input.
package final class ResnetBlock2D: Module {
    /// What it does to the resolution, before its first convolution.
    package enum Resampling { case none, up, down }

    private let norm1: GroupNorm
    private let conv1: Convolution2D
    private let timeProjection: Linear?
    private let norm2: GroupNorm
    private let conv2: Convolution2D
    /// Brings the input to the output's channels.
    private let shortcut: Convolution2D?
    private let resampling: Resampling
    private let options: ResnetOptions
    private let outChannels: Int

    package init(
        _ inChannels: Int, _ outChannels: Int, _ options: ResnetOptions, resampling: Resampling = .none,
        on device: Device
    ) {
        norm1 = GroupNorm(groups: options.groups, channels: inChannels, epsilon: options.epsilon, on: device)
        conv1 = Convolution2D(inChannels, outChannels, kernel: 3, padding: 1, on: device)
        let factor = options.timeEmbedding == .scaleShift ? 2 : 1
        timeProjection = options.timeEmbeddingWidth.map {
            Linear($0, factor * outChannels, isHidden: false, on: device)
        }
        norm2 = GroupNorm(groups: options.groups, channels: outChannels, epsilon: options.epsilon, on: device)
        conv2 = Convolution2D(outChannels, outChannels, kernel: 3, padding: 1, on: device)
        shortcut = inChannels == outChannels ? nil : Convolution2D(inChannels, outChannels, kernel: 1, on: device)
        self.resampling = resampling
        self.options = options
        self.outChannels = outChannels
    }

    package func visit(_ visitor: inout ParameterVisitor) {
        visitor("norm1", norm1)
        visitor("conv1", conv1)
        visitor("time_emb_proj", timeProjection)
        visitor("norm2", norm2)
        visitor("conv2", conv2)
        visitor("conv_shortcut", shortcut)
    }

    /// - Parameters:
    ///   - x: (N, H, W, C).
    ///   - embedding: of the timestep (and class), (N, E); nil for blocks without a timestep.
    package func callAsFunction(_ x: Tensor, _ embedding: Tensor?, dropout: DropoutMasks?) -> Tensor {
        let f = options.activation
        /// The first convolution's input is released behind it.
        func convolved(perSample vectors: Tensor? = nil) -> Tensor {
            conv1(resample(norm1.activated(x, by: f)), perSample: vectors)
        }
        var u: Tensor  // (N, H', W', C')
        switch (options.timeEmbedding, time(embedding)) {
        case (_, nil):
            u = norm2.activated(convolved(), by: f)
        case (.added, .some(let time)):
            u = norm2.activated(convolved(perSample: time), by: f)
        case (.scaleShift, .some(let time)):
            let both = time.reshaped(to: [time.shape[0], 1, 1, time.shape[1]])
            let scale = both.sliced(axis: 3, 0..<outChannels)
            let shift = both.sliced(axis: 3, outChannels..<2 * outChannels)
            u = f(norm2(convolved()) * (scale + 1) + shift)
        }
        u = dropout?.drop(u, probability: options.dropout) ?? u
        let input = resample(x)
        let sum = conv2(u, plus: shortcut?(input) ?? input)  // (N, H', W', C')
        return options.outputScale == 1 ? sum : sum / options.outputScale
    }

    /// The same for every pixel of a sample: (N, C'), or twice as wide for scale and shift.
    private func time(_ embedding: Tensor?) -> Tensor? {
        precondition((embedding == nil) == (timeProjection == nil), "a timestep's embedding does not fit the block")
        guard let embedding, let timeProjection else { return nil }
        return timeProjection(options.activation(embedding))
    }

    private func resample(_ x: Tensor) -> Tensor {
        switch resampling {
        case .none: x
        case .up: x.upsampledNearest(2)
        case .down: x.averagePooled(2)
        }
    }
}

extension ResnetBlock2D {
    /// The block as it computes without a timestep, up to its second norm and from there on.
    var steps: [LocalStep] {
        precondition(timeProjection == nil && resampling == .none && options.outputScale == 1)
        return [
            LocalStep(norm: norm1, isWithinBlock: true, channels: outChannels) {
                [options, norm1, conv1] h, statistics in
                LocalStep.State(
                    value: conv1(norm1.activated(h.value, by: options.activation, statistics: statistics)),
                    input: h.value)
            },
            LocalStep(norm: norm2, channels: outChannels) { [options, norm2, conv2, shortcut] h, statistics in
                let x = h.input.map { shortcut?($0) ?? $0 }
                let u = norm2.activated(h.value, by: options.activation, statistics: statistics)
                return LocalStep.State(value: conv2(u, plus: x))
            },
        ]
    }
}
