package import TensorCore

/// What the ResNet blocks of one network have in common.
package struct ResnetOptions: Sendable {
    /// How a block takes in the embedding of the timestep.
    package enum TimeEmbedding: Sendable, Hashable {
        /// Added between the convolutions (Ho et al. 2020).
        case added
        /// As scale and shift of the second norm (Dhariwal & Nichol 2021).
        case scaleShift
    }

    /// Width of the timestep's embedding; nil: the blocks have no timestep.
    package var timeEmbeddingWidth: Int?
    /// Of the norms, which divide the channels of input and output.
    package var groups: Int
    package var epsilon: Float
    package var activation: Activation
    package var timeEmbedding: TimeEmbedding
    /// Probability, before the second convolution.
    package var dropout: Float
    /// The block's output is divided by it.
    package var outputScale: Float

    package init(
        timeEmbeddingWidth: Int?, groups: Int, epsilon: Float, activation: Activation, timeEmbedding: TimeEmbedding,
        dropout: Float, outputScale: Float = 1
    ) {
        self.timeEmbeddingWidth = timeEmbeddingWidth
        self.groups = groups
        self.epsilon = epsilon
        self.activation = activation
        self.timeEmbedding = timeEmbedding
        self.dropout = dropout
        self.outputScale = outputScale
    }
}
