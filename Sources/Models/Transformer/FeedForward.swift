package import Configurations
package import NeuralNet
package import TensorCore

/// How the tokens of a picture lie.
package struct TokenGrid: Sendable {
    package let rows: Int
    package let columns: Int

    package init(rows: Int, columns: Int) { (self.rows, self.columns) = (rows, columns) }
}

/// The feed-forward layer of a transformer block: four times as wide inside, applied to each token alone, or mixed with those beside
/// it (Xie et al. 2021, "SegFormer", section 3.1, Mix-FFN).
package final class FeedForward: Module {
    private let project: Linear
    /// Adds what a token's eight neighbours hold. Begins as nothing, so a model without it is a start for one with it.
    private let mixing: Convolution2D?
    private let out: Linear
    private let activation: DiTConfiguration.Activation
    private let hidden: Int
    private let dropout: Float

    /// - Parameters:
    ///   - isMixing: whether neighbours are mixed.
    ///   - dropout: probability, after the activation.
    package init(
        _ width: Int, _ activation: DiTConfiguration.Activation, isMixing: Bool = false, dropout: Float,
        on device: Device
    ) {
        hidden = 4 * width
        let outputs = activation.isGated ? 2 * hidden : hidden
        project = Linear(width, outputs, weights: .xavier(width, outputs), on: device)
        mixing =
            isMixing
            ? Convolution2D(
                hidden, hidden, kernel: 3, padding: 1, groups: hidden, weights: .constant(0), on: device) : nil
        out = Linear(hidden, width, weights: .xavier(hidden, width), on: device)
        self.activation = activation
        self.dropout = dropout
    }

    package func visit(_ visitor: inout ParameterVisitor) {
        visitor("net.0.proj", project)
        visitor("net.2", out)
        visitor("dwconv", mixing)
    }

    /// - Parameter grid: rows and columns of the tokens, L together; nil where neighbours are not mixed.
    package func callAsFunction(_ x: Tensor, grid: TokenGrid? = nil, dropout masks: DropoutMasks?) -> Tensor {
        var h = activate(x)  // x (N, L, D), h (N, L, 4 D)
        if let mixing {
            guard let grid else { preconditionFailure("tokens that are mixed lie in a grid") }
            let picture = h.reshaped(to: [h.shape[0], grid.rows, grid.columns, hidden])  // (N, rows, columns, 4 D)
            h = mixing(picture, plus: picture).reshaped(to: h.shape)
        }
        return out(masks?.drop(h, probability: dropout) ?? h)  // (N, L, D)
    }

    private func activate(_ x: Tensor) -> Tensor {
        switch activation {
        case .gelu: return project(x, then: .gelu)
        case .geluApproximate: return project(x, then: .geluTanh)
        case .silu: return project(x, then: .silu)
        case .quickGELU: return project(x, then: .quickGELU)
        case .geglu: return gated(project(x)) { $0.gelu() }
        case .swiglu: return gated(project(x)) { $0.silu() }
        }
    }

    /// The first half times the activated second one.
    private func gated(_ h: Tensor, _ activation: (Tensor) -> Tensor) -> Tensor {
        h.sliced(axis: 2, 0..<hidden) * activation(h.sliced(axis: 2, hidden..<2 * hidden))
    }
}
