public import TensorCore

/// A tensor that a module keeps and a checkpoint holds.
///
/// It knows two shapes: that of the checkpoint, in PyTorch's order, and that in memory, channels-last.
public final class Parameter {
    /// How the file's axes and those in memory are related.
    public enum Layout: Sendable {
        case same
        /// (A, B, kH, kW) in the file, (A, kH, kW, B) in memory: kernels of convolutions.
        case kernel
    }

    public let layout: Layout
    /// Extents in memory.
    public let shape: Shape
    public let initializer: Initializer
    /// Whether training changes it. Some networks draw features at random once and keep them.
    public let isTrainable: Bool
    /// Whether it is a matrix (its first axis by all others) that leads from features to features, which Muon is for: not where samples come
    /// in or go out, nor where a timestep or a class does, whose gradient has no higher rank than the batch has samples.
    public let isHiddenMatrix: Bool
    public let device: Device
    private(set) var stored: Stored?
    /// What is learned beside it; nil: nothing.
    var lowRank: LowRankPair?

    /// What a parameter holds.
    public enum Stored {
        case full(Tensor)
        /// Widened for each use.
        case half(HalfTensor)
    }

    /// - Parameter fileShape: extents in PyTorch's order.
    public init(
        _ fileShape: Shape, layout: Layout = .same, _ initializer: Initializer, isTrainable: Bool = true,
        isHiddenMatrix: Bool = false, on device: Device
    ) {
        self.layout = layout
        self.shape =
            switch layout {
            case .same: fileShape
            case .kernel: [fileShape[0], fileShape[2], fileShape[3], fileShape[1]]
            }
        self.initializer = initializer
        self.isTrainable = isTrainable
        self.isHiddenMatrix = isHiddenMatrix
        self.device = device
    }

    /// Extents in PyTorch's order.
    public var fileShape: Shape {
        switch layout {
        case .same: shape
        case .kernel: [shape[0], shape[3], shape[1], shape[2]]
        }
    }

    /// The parameter in memory order, tracked while a step of training records. It must have been initialized or loaded.
    public var value: Tensor {
        switch stored {
        case .full(let tensor): return tensor
        case .half(let half): return half.widened()
        case nil: preconditionFailure("a parameter is read before it was initialized or loaded")
        }
    }

    /// Replaces the value.
    public func assign(_ value: Tensor) {
        precondition(value.shape == shape, "a parameter of \(shape) cannot become \(value.shape)")
        stored = .full(value)
    }

    /// Replaces the value by what `stored(fromFileOrder:keeping:)` made.
    public func assign(_ value: Stored) { stored = value }

    /// Takes the values as a checkpoint has them.
    public func load(fileOrder tensor: Tensor) { assign(stored(fromFileOrder: tensor, keeping: nil)) }

    /// What the parameter becomes with values as a checkpoint has them.
    ///
    /// - Parameter format: of weights; nil for 32 bits. Vectors, such as biases, are few and stay as they are.
    public func stored(fromFileOrder tensor: Tensor, keeping format: HalfTensor.Format?) -> Stored {
        precondition(tensor.shape == fileShape, "a parameter of \(fileShape) cannot be read from \(tensor.shape)")
        return kept(layout == .same ? tensor : tensor.permuted([0, 2, 3, 1]), as: format)
    }

    private func kept(_ tensor: Tensor, as format: HalfTensor.Format?) -> Stored {
        guard let format, shape.rank > 1 else { return .full(tensor) }
        return .half(HalfTensor(tensor, as: format))
    }

    /// `tensor`, shaped like the value, as a checkpoint has it.
    public func inFileOrder(_ tensor: Tensor) -> Tensor {
        layout == .same ? tensor : tensor.permuted([0, 3, 1, 2])
    }

    func initialize(seed: UInt64, number: Int, keeping format: HalfTensor.Format?) {
        stored = kept(initializer.callAsFunction(shape, seed: seed, number: number, on: device), as: format)
    }
}

/// The distribution of a parameter before training.
public enum Initializer: Sendable, Hashable {
    case constant(Float)
    /// Uniform in -bound...bound.
    case uniform(bound: Float)
    case normal(deviation: Float)

    /// PyTorch's default for linear layers and convolutions, weights and biases alike: uniform within
    /// 1 / sqrt(fan-in), which is He et al. 2015 with a = sqrt(5).
    public static func fanIn(_ count: Int) -> Initializer { .uniform(bound: 1 / Float(max(1, count)).squareRoot()) }

    func callAsFunction(_ shape: Shape, seed: UInt64, number: Int, on device: Device) -> Tensor {
        // Where nothing is computed no numbers are drawn.
        if device.isRehearsal { return .zeros(shape, on: device) }
        var stream = Philox(seed: seed, purpose: .weights, sample: number)
        switch self {
        case .constant(let value):
            return .full(value, shape: shape, on: device)
        case .uniform(let bound):
            return Tensor(stream.uniforms(shape.elementCount), shape: shape, on: device)
                .scaled(by: 2 * bound, offset: -bound)
        case .normal(let deviation):
            return Tensor(stream.normals(shape.elementCount), shape: shape, on: device).scaled(by: deviation)
        }
    }
}
