/// What a node of the tape computed, with everything but the tensors that its gradient rule needs.
package enum Operation {
    case leaf
    case unary(Unary)
    /// a x + b elementwise, a and b numbers.
    case affine(scale: Float)
    case clamp(ClosedRange<Float>)
    case add(Shape, Shape)
    case subtract(Shape, Shape)
    case multiply
    case divide
    /// Stretches extents of 1; the payload is the shape before.
    case broadcast(from: Shape)
    /// Adds up over the axes in which the result's extent is 1 or missing; the payload is the shape before.
    case sum(from: Shape)
    case reshape(from: Shape)
    case permute([Int])
    case concatenate(axis: Int, extents: [Int])
    case slice(axis: Int, start: Int, from: Shape)
    case linear(EpilogueParts, Activation?)
    case matmul(transposeA: Bool, transposeB: Bool)
    case convolution(ConvolutionGeometry, EpilogueParts)
    case transposedConvolution(ConvolutionGeometry, hasBias: Bool)
    case groupNorm(groups: Int, activation: NormActivation)
    case layerNorm(epsilon: Float)
    /// Layer norm with a sample's own shift and scale.
    case layerNormModulated(epsilon: Float)
    case rmsNorm(epsilon: Float)
    /// x + gate y.
    case gatedSum
    case softmax
    case attention(heads: Int, scale: Float, mask: AttentionMask)
    case rotary(RotaryPairs)
    case embedding(indices: [Int], rows: Int)
    case upsampleNearest(factor: Int)
    case averagePool(size: Int, from: Shape)
    case loss(Loss, weights: [Float])

    /// The names of all operations; the test suite demands a row for each.
    package enum Kind: String, CaseIterable, Sendable {
        case leaf, unary, affine, clamp, add, subtract, multiply, divide, broadcast, sum, reshape, permute, concatenate
        case slice, linear, matmul, convolution, transposedConvolution, groupNorm, layerNorm, layerNormModulated
        case rmsNorm, gatedSum, softmax, attention, rotary, embedding, upsampleNearest, averagePool, loss
    }

    var kind: Kind {
        switch self {
        case .leaf: .leaf
        case .unary: .unary
        case .affine: .affine
        case .clamp: .clamp
        case .add: .add
        case .subtract: .subtract
        case .multiply: .multiply
        case .divide: .divide
        case .broadcast: .broadcast
        case .sum: .sum
        case .reshape: .reshape
        case .permute: .permute
        case .concatenate: .concatenate
        case .slice: .slice
        case .linear: .linear
        case .matmul: .matmul
        case .convolution: .convolution
        case .transposedConvolution: .transposedConvolution
        case .groupNorm: .groupNorm
        case .layerNorm: .layerNorm
        case .layerNormModulated: .layerNormModulated
        case .rmsNorm: .rmsNorm
        case .gatedSum: .gatedSum
        case .softmax: .softmax
        case .attention: .attention
        case .rotary: .rotary
        case .embedding: .embedding
        case .upsampleNearest: .upsampleNearest
        case .averagePool: .averagePool
        case .loss: .loss
        }
    }
}
