extension Operation {
    /// The gradient rules, all of them. g is d(loss)/d(result); the answer has d(loss)/d(input) for every input whose
    /// gradient is wanted, and nil for the others. The bits of a gradient do not depend on which others are wanted.
    ///
    /// - Parameters:
    ///   - saved: what the operation saved, in the order of its `recorded(... saving:)`.
    ///   - wanted: which inputs are tracked, at least one.
    ///   - targets: where an input's gradient will be kept. A rule that can write it there spares a copy.
    func gradients(_ g: Tensor, saved s: [Tensor], wanted: [Bool], targets: [Tensor?]) -> [Tensor?] {
        switch self {
        case .leaf: []

        // Elementwise.                                      d/dx
        case .unary(let f): [f.gradient(g, saved: s.first)]  // f'(x) g
        case .affine(let a): [g.scaled(by: a)]  // a g
        case .clamp(let range): [g.masked(where: s[0], in: range)]  // g inside the range
        case .add(let a, let b):
            [wanted[0] ? g.sum(to: a) : nil, wanted[1] ? g.sum(to: b) : nil]  // g, g
        case .subtract(let a, let b):
            [wanted[0] ? g.sum(to: a) : nil, wanted[1] ? (-g).sum(to: b) : nil]  // g, -g
        case .multiply:
            [
                wanted[0] ? (g * s[1]).sum(to: s[0].shape) : nil,  // b g
                wanted[1] ? (g * s[0]).sum(to: s[1].shape) : nil,  // a g
            ]
        case .divide:
            [
                wanted[0] ? (g / s[1]).sum(to: s[0].shape) : nil,  // g / b
                wanted[1] ? (-(g * s[0]) / s[1].squared()).sum(to: s[1].shape) : nil,  // -a g / b^2
            ]

        case .gatedSum:
            Modulation.gatedSumGradients(g, s[0], gate: s[1], wanted: wanted)  // g, gate g, y g summed over rows

        // Shape.
        case .broadcast(let from): [g.sum(to: from)]
        case .sum(let from): [g.broadcast(to: from)]
        case .reshape(let from): [g.reshaped(to: from)]
        case .permute(let order): [g.permuted(order.inversePermutation)]
        case .concatenate(let axis, let extents): g.split(axis: axis, extents: extents, wanted: wanted)
        case .slice(let axis, let start, let from): [g.padded(axis: axis, start: start, to: from)]
        case .embedding(let indices, let rows): [g.scatteredSum(to: indices, rows: rows)]

        // Products. y = f(u) + residual, u = x W^T + b.
        case .linear(let parts, let activation):
            LinearProduct.gradients(
                g, parts, activation, kept: activation.map { _ in s[2] }, input: s[0], weight: s[1], wanted: wanted,
                target: targets[1])
        case .matmul(let ta, let tb):
            BatchedProduct.gradients(g, a: s[0], b: s[1], transposeA: ta, transposeB: tb, wanted: wanted)
        case .convolution(let geometry, let parts):
            [
                wanted[0] ? Convolution.inputGradient(g, weight: s[1], inputShape: s[0].shape, geometry) : nil,
                wanted[1]
                    ? Convolution.weightGradient(g, input: s[0], weightShape: s[1].shape, geometry, into: targets[1])
                    : nil,
            ] + Epilogue.gradients(parts, g, before: g, wanted: wanted)
        case .transposedConvolution(let geometry, let hasBias):
            // The adjoint of a convolution: its input gradient is that convolution, and the roles of input and
            // output gradient are exchanged for the weights.
            [
                wanted[0] ? Convolution.forward(g, weight: s[1], Epilogue(), geometry) : nil,
                wanted[1] ? Convolution.weightGradient(s[0], input: g, weightShape: s[1].shape, geometry) : nil,
            ] + (hasBias ? [wanted[2] ? g.columnSums() : nil] : [])
        case .attention(let heads, let scale, let mask):
            Attention(
                s[0], s[1], s[2], bias: s.count > 5 ? s[5] : nil, heads: heads, scale: scale, mask: mask
            ).gradients(g, query: s[0], key: s[1], value: s[2], result: s[3], logSumExp: s[4], wanted: wanted)
        case .rotary(let pairs):  // the rotation back
            [Rotary.rotate(g, cosines: s[0], sines: s[1], pairs: pairs, inverse: true)]

        // Normalization: the backward passes of Ioffe & Szegedy 2015, section 3, over the group's or row's elements.
        case .groupNorm(let groups, let activation):
            GroupNorm.gradients(
                g, input: s[0], weight: s[1], bias: s[2], statistics: s[3], groups: groups, activation: activation,
                wanted: wanted)
        case .layerNorm:
            LayerNorm.gradients(
                g, input: s[0], weight: s.count > 2 ? s[2] : nil, statistics: s[1], wanted: wanted)
        case .rmsNorm:
            RMSNorm.gradients(
                g, input: s[0], weight: s.count > 2 ? s[2] : nil, statistics: s[1], wanted: wanted)
        case .layerNormModulated:
            Modulation.normGradients(g, input: s[0], statistics: s[1], scale: s[2], wanted: wanted)
        case .softmax: [Softmax.gradient(g, result: s[0])]  // y (g - <g, y>)

        // Resampling.
        case .upsampleNearest(let factor): [g.sumPooled(factor)]
        case .averagePool(let size, let from): [g.spread(size, to: from)]

        case .loss(let loss, let weights):
            [loss.gradient(prediction: s[0], target: s[1], weights: weights, seed: g.item)]
        }
    }
}
