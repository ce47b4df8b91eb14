package import Configurations
package import NeuralNet
package import TensorCore

/// The feed-forward layer of a transformer block: four times as wide inside, applied to each token alone.
package final class FeedForward: Module {
    private let project: Linear
    private let out: Linear
    private let activation: DiTConfiguration.Activation
    private let hidden: Int
    private let dropout: Float

    /// - Parameter dropout: probability, after the activation.
    package init(_ width: Int, _ activation: DiTConfiguration.Activation, dropout: Float, on device: Device) {
        hidden = 4 * width
        let outputs = activation.isGated ? 2 * hidden : hidden
        project = Linear(width, outputs, weights: .xavier(width, outputs), on: device)
        out = Linear(hidden, width, weights: .xavier(hidden, width), on: device)
        self.activation = activation
        self.dropout = dropout
    }

    package func visit(_ visitor: inout ParameterVisitor) {
        visitor("net.0.proj", project)
        visitor("net.2", out)
    }

    package func callAsFunction(_ x: Tensor, dropout masks: DropoutMasks?) -> Tensor {  // x (N, L, D)
        let h = activate(x)  // (N, L, 4 D)
        return out(masks?.drop(h, probability: dropout) ?? h)  // (N, L, D)
    }

    private func activate(_ x: Tensor) -> Tensor {
        switch activation {
        case .gelu: return project(x, then: .gelu)
        case .geluApproximate: return project(x, then: .geluTanh)
        case .silu: return project(x, then: .silu)
        case .quickGELU:
            let h = project(x)
            return h * (h * 1.702).sigmoid()
        case .geglu: return gated(project(x)) { $0.gelu() }
        case .swiglu: return gated(project(x)) { $0.silu() }
        }
    }

    /// The first half times the activated second one.
    private func gated(_ h: Tensor, _ activation: (Tensor) -> Tensor) -> Tensor {
        h.sliced(axis: 2, 0..<hidden) * activation(h.sliced(axis: 2, hidden..<2 * hidden))
    }
}
