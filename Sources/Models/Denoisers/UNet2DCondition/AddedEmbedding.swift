internal import NeuralNet
internal import TensorCore

/// What is added to the time embedding beside the text's tokens: the vector of the whole text, and numbers such as the
/// picture's size, each embedded as a timestep is (Podell et al. 2023, "SDXL", section 2.2).
final class AddedEmbedding: Module {
    private let features: SinusoidalEmbedding
    private let mlp: TimestepMLP

    /// - Parameters:
    ///   - features: of each number.
    ///   - inputs: P + K F, of the vector and all numbers together.
    ///   - width: of the time embedding, E.
    init(_ features: SinusoidalEmbedding, inputs: Int, width: Int, on device: Device) {
        self.features = features
        mlp = TimestepMLP(inputs, width, on: device)
    }

    func visit(_ visitor: inout ParameterVisitor) { mlp.visit(&visitor) }

    /// - Parameters:
    ///   - text: (N, P).
    ///   - numbers: (N, K).
    /// - Returns: (N, E).
    func callAsFunction(_ text: Tensor, _ numbers: Tensor) -> Tensor {
        let (n, k) = (numbers.shape[0], numbers.shape[1])
        let embedded = features(numbers.array(), on: text.device)  // (N K, F)
        return mlp(.concatenated([text, embedded.reshaped(to: [n, k * features.size])], axis: 1))  // (N, E)
    }
}
