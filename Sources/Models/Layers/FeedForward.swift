package import NeuralNet
package import TensorCore

/// The feed-forward layer of a transformer block, which sees each token alone, or mixed with those beside it (Xie et
/// al. 2021, "SegFormer", section 3.1, Mix-FFN).
package final class FeedForward: Module {
    package enum Activation: Sendable, Hashable {
        /// f(W x).
        case plain(TensorCore.Activation)
        /// V x f(W x), where V and W are one matrix of twice as many rows (Shazeer 2020, "GLU variants improve
        /// transformer").
        case gated(TensorCore.Activation)
    }

    private let project: Linear
    /// Adds what a token's eight neighbours hold. Begins as nothing, so a model without it is a start for one with it.
    private let mixing: Convolution2D?
    private let out: Linear
    private let activation: Activation
    private let hidden: Int
    private let dropout: Float

    /// - Parameters:
    ///   - width: of the tokens.
    ///   - hidden: width between the two linear layers; four times that of the tokens when left out.
    ///   - bias: of both linear layers.
    ///   - isMixing: whether neighbours are mixed.
    ///   - weights: first weights by inputs and outputs, with biases of 0; nil: PyTorch's of both.
    ///   - dropout: probability, after the activation.
    package init(
        _ width: Int, hidden: Int? = nil, _ activation: Activation, bias: Bool = true, isMixing: Bool = false,
        weights: ((_ inputs: Int, _ outputs: Int) -> Initializer)? = Initializer.xavier, dropout: Float,
        on device: Device
    ) {
        let hidden = hidden ?? 4 * width
        let outputs =
            switch activation {
            case .plain: hidden
            case .gated: 2 * hidden
            }
        project = Linear(width, outputs, bias: bias, weights: weights?(width, outputs), on: device)
        mixing =
            isMixing
            ? Convolution2D(
                hidden, hidden, kernel: 3, padding: 1, groups: hidden, weights: .constant(0), on: device) : nil
        out = Linear(hidden, width, bias: bias, weights: weights?(hidden, width), on: device)
        self.hidden = hidden
        self.activation = activation
        self.dropout = dropout
    }

    package func visit(_ visitor: inout ParameterVisitor) {
        visitor("net.0.proj", project)
        visitor("net.2", out)
        visitor("dwconv", mixing)
    }

    /// - Parameters:
    ///   - grid: rows and columns of the tokens, L together; nil where neighbours are not mixed.
    ///   - residual: (N, L, D), added to the result.
    package func callAsFunction(
        _ x: Tensor, grid: TokenGrid? = nil, plus residual: Tensor? = nil, dropout masks: DropoutMasks?
    ) -> Tensor {
        var h = activated(x)  // x (N, L, D), h (N, L, hidden)
        if let mixing {
            guard let grid else { preconditionFailure("tokens that are mixed lie in a grid") }
            let image = h.reshaped(to: [h.shape[0], grid.rows, grid.columns, hidden])  // (N, rows, columns, hidden)
            h = mixing(image, plus: image).reshaped(to: h.shape)
        }
        return out(masks?.drop(h, probability: dropout) ?? h, plus: residual)  // (N, L, D)
    }

    private func activated(_ x: Tensor) -> Tensor {
        switch activation {
        case .plain(let f): return project(x, then: f)
        case .gated(let f):
            let h = project(x)  // (N, L, 2 hidden)
            return h.sliced(axis: 2, 0..<hidden) * f(h.sliced(axis: 2, hidden..<2 * hidden))
        }
    }
}
