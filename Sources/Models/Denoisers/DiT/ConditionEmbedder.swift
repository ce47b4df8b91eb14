internal import Configurations
internal import NeuralNet
internal import TensorCore

/// What a diffusion transformer embeds beside the sample.
struct DiTVectors {
    /// Sines and cosines of the timesteps (N, 256).
    let features: Tensor
    /// N labels; nil for a model without classes.
    let labels: [Int]?
}

/// Timestep and class as vectors of a token's width.
final class ConditionEmbedder: Module {
    private let timestep: TimestepMLP
    /// One row for each class, and one for none.
    private let table: Embedding?

    init(_ c: DiTConfiguration, on device: Device) {
        timestep = TimestepMLP(
            DiTConfiguration.timestepFeatures, c.width, weights: .normal(deviation: 0.02), on: device)
        table = c.numEmbedsAdaNorm.map { Embedding($0 + 1, c.width, deviation: 0.02, on: device) }
    }

    func visit(_ visitor: inout ParameterVisitor) {
        visitor("timestep_embedder", timestep)
        visitor("class_embedder.embedding_table", table)
    }

    /// The sum of both (N, D).
    func callAsFunction(_ vectors: DiTVectors) -> Tensor {
        let time = timestep(vectors.features)
        return embeddedLabels(vectors).map { time + $0 } ?? time
    }

    /// Both side by side (N, 2, D); (N, 1, D) without classes.
    func tokens(_ vectors: DiTVectors) -> Tensor {
        let embedded = [timestep(vectors.features), embeddedLabels(vectors)].compactMap(\.self)
        return .concatenated(embedded.map { $0.reshaped(to: [$0.shape[0], 1, $0.shape[1]]) }, axis: 1)
    }

    private func embeddedLabels(_ vectors: DiTVectors) -> Tensor? {
        precondition((table == nil) == (vectors.labels == nil), "class labels do not fit the model's class table")
        guard let table, let labels = vectors.labels else { return nil }
        return table(labels)
    }
}
