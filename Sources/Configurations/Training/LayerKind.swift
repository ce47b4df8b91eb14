/// Kinds of layers that a fine-tuning may be limited to, and where they are found in the networks that there are.
public enum LayerKind: String, Sendable, CaseIterable {
    /// Queries, keys, values and outputs of attention.
    case attention
    /// The linear layers of transformers between their attentions.
    case feedForward = "feed_forward"
    /// Convolutions of residual blocks and of changes of size.
    case convolution

    /// Patterns of the names of their parameters, where `*` stands for any characters.
    public var patterns: [String] {
        switch self {
        case .attention: ["to_q", "to_k", "to_v", "to_out.0", "q_proj", "k_proj", "v_proj", "out_proj"].map(Self.below)
        case .feedForward: ["ff.net.0.proj", "ff.net.2", "mlp.fc1", "mlp.fc2"].map(Self.below)
        case .convolution:
            ["conv1", "conv2", "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv"].map(Self.below)
        }
    }

    private static func below(_ layer: String) -> String { "*.\(layer)" }
}
