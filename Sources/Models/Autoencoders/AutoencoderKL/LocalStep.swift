internal import NeuralNet
internal import TensorCore

/// A step of a network through which a pixel sees only its neighbours, and of the rest of the picture only the statistics of the norm
/// that the step begins with: a 3x3 convolution, with what goes before it.
struct LocalStep {
    /// What goes from step to step.
    struct State {
        var value: Tensor  // (N, H, W, C)
        /// The input of the residual block whose middle this is.
        var input: Tensor?
    }

    let norm: GroupNorm?
    let resampling: ResnetBlock2D.Resampling
    /// Whether it ends in the middle of a residual block.
    let isWithinBlock: Bool
    /// Of its result.
    let channels: Int
    private let compute: (State, _ statistics: Tensor?) -> State

    /// - Parameter compute: the state after, with given statistics of the norm, or those of the state's own value.
    init(
        norm: GroupNorm? = nil, _ resampling: ResnetBlock2D.Resampling = .none, isWithinBlock: Bool = false,
        channels: Int, _ compute: @escaping (State, _ statistics: Tensor?) -> State
    ) {
        self.norm = norm
        self.resampling = resampling
        self.isWithinBlock = isWithinBlock
        self.channels = channels
        self.compute = compute
    }

    /// A step without a norm.
    init(
        _ resampling: ResnetBlock2D.Resampling = .none, channels: Int, _ compute: @escaping (Tensor) -> Tensor
    ) {
        self.init(resampling, channels: channels) { h, _ in State(value: compute(h.value)) }
    }

    func callAsFunction(_ state: State, _ statistics: Tensor? = nil) -> State { compute(state, statistics) }

    /// Pixels at an edge of the result that see what lies beyond it, where so many of the input do.
    func reach(_ pixels: Int) -> Int {
        switch resampling {
        case .none: pixels + 1
        case .up: 2 * pixels + 1
        case .down: (pixels + 1) / 2 + 1
        }
    }

    /// An extent of the result, or an extent of the input that is a multiple of the resolution's change.
    func extent(_ pixels: Int) -> Int {
        switch resampling {
        case .none: pixels
        case .up: 2 * pixels
        case .down: pixels / 2
        }
    }
}
