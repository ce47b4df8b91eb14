package import NeuralNet
package import TensorCore

/// A transformer over the pixels of an image (Rombach et al. 2022, "Latent diffusion", section 3.3): norm, projection,
/// blocks, projection, plus the input.
package final class ImageTransformer: Module {
    /// A layer that sees each pixel alone. Both kinds compute the same, and have weights of other shapes in files.
    private enum Projection {
        case linear(Linear)
        case convolution(Convolution2D)

        init(_ channels: Int, isLinear: Bool, on device: Device) {
            self =
                isLinear
                ? .linear(Linear(channels, channels, on: device))
                : .convolution(Convolution2D(channels, channels, kernel: 1, on: device))
        }

        var module: any Module {
            switch self {
            case .linear(let layer): layer
            case .convolution(let layer): layer
            }
        }

        /// (N, H, W, C) -> (N, H, W, C).
        func callAsFunction(_ x: Tensor, plus residual: Tensor? = nil) -> Tensor {
            switch self {
            case .linear(let layer): layer(x, plus: residual)
            case .convolution(let layer): layer(x, plus: residual)
            }
        }
    }

    private let norm: GroupNorm
    private let projectIn: Projection
    private let blocks: [TransformerBlock]
    private let projectOut: Projection

    /// - Parameters:
    ///   - heads: together as wide as the image has channels.
    ///   - layers: how many blocks.
    ///   - groups: of the norm.
    ///   - hasLinearProjections: linear layers in the place of 1x1 convolutions.
    ///   - textWidth: of the text's tokens.
    ///   - attendsToTextOnly: whether the blocks' first attention is to the text too.
    package init(
        heads: AttentionHeads, layers: Int, groups: Int, hasLinearProjections: Bool, textWidth: Int,
        attendsToTextOnly: Bool = false, on device: Device
    ) {
        let channels = heads.width
        norm = GroupNorm(groups: groups, channels: channels, epsilon: 1e-6, on: device)
        projectIn = Projection(channels, isLinear: hasLinearProjections, on: device)
        blocks = (0..<layers).map { _ in
            TransformerBlock(
                heads: heads, textWidth: textWidth, attendsToTextOnly: attendsToTextOnly, on: device)
        }
        projectOut = Projection(channels, isLinear: hasLinearProjections, on: device)
    }

    package func visit(_ visitor: inout ParameterVisitor) {
        visitor("norm", norm)
        visitor("proj_in", projectIn.module)
        visitor("transformer_blocks", blocks)
        visitor("proj_out", projectOut.module)
    }

    /// - Parameter x: (N, H, W, C).
    /// - Returns: (N, H, W, C).
    package func callAsFunction(_ x: Tensor, to text: Condition.Text) -> Tensor {
        let image = x.shape
        var h = projectIn(norm(x)).reshaped(to: [image[0], image[1] * image[2], image[3]])  // (N, L, C)
        for block in blocks {
            h = .recomputable([h, text.tokens]) {
                block($0[0], to: Condition.Text(tokens: $0[1], counts: text.counts))  // (N, L, C)
            }
        }
        return projectOut(h.reshaped(to: image), plus: x)  // (N, H, W, C)
    }
}

extension ImageTransformer: LevelAttention {
    func callAsFunction(_ x: Tensor, to text: Condition.Text?) -> Tensor {
        guard let text else { preconditionFailure("a network that attends to a text is given none") }
        return self(x, to: text)
    }
}
