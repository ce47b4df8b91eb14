public import Datasets
public import Diffusion
public import Models
internal import NeuralNet
internal import TensorCore

/// Teaches a denoiser: Ho et al. 2020, algorithm 1.
public struct DenoisingTask: TrainingTask {
    public let model: any Denoiser
    private let parts: Condition.Parts
    private let unconditional: Condition?
    private let objective: Objective
    private let captions: Captions?
    private let conditionDropout: Double
    private let noiseOffset: Double
    private let seed: UInt64

    /// The conditions of samples with the captions of these numbers; nil stands for the empty caption.
    public typealias Captions = ([Int?]) throws -> Condition

    /// - Parameters:
    ///   - parts: what of the samples' conditions the model takes.
    ///   - unconditional: what takes the place of a dropped condition, one row; nil for a model without such.
    ///   - captions: for a model that reads text; a dropped caption is the empty one.
    ///   - conditionDropout: probability that a sample's condition is dropped.
    ///   - noiseOffset: how much noise that is the same in all pixels of a channel is added to that of training (Guttenberg
    ///     2023).
    ///   - seed: of timesteps, noise and dropout.
    public init(
        _ model: any Denoiser, takes parts: Condition.Parts, unconditional: Condition?, objective: Objective,
        captions: Captions? = nil, conditionDropout: Double = 0, noiseOffset: Double = 0, seed: UInt64
    ) {
        self.model = model
        self.parts = parts
        self.unconditional = unconditional
        self.objective = objective
        self.captions = captions
        self.conditionDropout = conditionDropout
        self.noiseOffset = noiseOffset
        self.seed = seed
    }

    /// Lines 2 to 5.
    public func losses(of batch: Batch, at place: BatchPlace) throws -> Losses {
        let x0 = batch.x  // x_0 ~ q(x_0)
        let levels = objective.levels(
            for: x0.shape, seed: seed, step: place.step, samples: place.first..<place.first + batch.count)
        let noise = noise(x0.shape, at: place, on: x0.device)
        let xt = objective.addNoise(x0, noise, at: levels)
        let output = model(
            xt, timesteps: levels.timesteps.map(Float.init), condition: try trainingCondition(of: batch, at: place),
            dropout: DropoutMasks(seed: seed, pass: place.pass))
        return Losses(objective(output, x0: x0, noise: noise, xt: xt, at: levels))
    }

    /// epsilon ~ N(0, I), and perhaps a share of it for whole channels.
    private func noise(_ shape: Shape, at place: BatchPlace, on device: Device) -> Tensor {
        let noise = Tensor.normal(
            shape, seed: seed, purpose: .trainingNoise, step: place.step, firstSample: place.first, on: device)
        guard noiseOffset > 0 else { return noise }
        let channels = Shape([shape[0]] + [Int](repeating: 1, count: shape.rank - 2) + [shape.last])
        let offset = Tensor.normal(
            channels, seed: seed, purpose: .noiseOffset, step: place.step, firstSample: place.first, on: device)
        return noise + offset * Float(noiseOffset)
    }

    /// At timesteps and with noise that never change.
    public func validationLosses(of batch: Batch, first: Int) throws -> Losses {
        let levels = objective.levels(
            for: batch.x.shape, seed: seed, purpose: .validation, step: 0, samples: first..<first + batch.count)
        // Step 1 of the same purpose: the timesteps above use step 0.
        let noise = Tensor.normal(
            batch.x.shape, seed: seed, purpose: .validation, step: 1, firstSample: first, on: batch.x.device)
        let xt = objective.addNoise(batch.x, noise, at: levels)
        let output = model(
            xt, timesteps: levels.timesteps.map(Float.init), condition: try condition(of: batch).keeping(parts))
        return Losses(objective(output, x0: batch.x, noise: noise, xt: xt, at: levels))
    }

    /// The conditions of a batch, some of them dropped (Ho & Salimans 2022, algorithm 1, line 3).
    private func trainingCondition(of batch: Batch, at place: BatchPlace) throws -> Condition {
        let probability = Float(conditionDropout)
        guard probability > 0, captions != nil || unconditional != nil else {
            return try condition(of: batch).keeping(parts)
        }
        let isDropped = (0..<batch.count).map { index in
            var random = Philox(
                seed: seed, purpose: .conditionDropout, step: place.step, sample: place.first + index)
            return random.uniform() < probability
        }
        let condition = try condition(of: batch, dropping: isDropped).keeping(parts)
        // What else is said of a sample beside its caption stays.
        guard captions == nil, let unconditional, condition.count != nil else { return condition }
        return condition.replacingRows(where: isDropped, by: unconditional)
    }

    /// What the data say of each sample, in numbers and in words.
    private func condition(of batch: Batch, dropping isDropped: [Bool]? = nil) throws -> Condition {
        guard let captions, let numbers = batch.captions else { return batch.condition }
        return try captions(numbers.indices.map { isDropped?[$0] == true ? nil : numbers[$0] })
    }
}
