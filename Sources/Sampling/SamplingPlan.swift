public import Diffusion
public import Models
public import TensorCore

/// Samples to be drawn from a model, batch by batch.
public struct SamplingPlan {
    public var sampler: any Sampler
    /// Extents of one sample, channels last.
    public var sampleShape: [Int]
    public var count: Int
    /// Samples in one pass of the model. With `philox` noise it changes no sample.
    public var batchSize: Int
    /// Sample i receives row i mod N; `.none` for a model that takes no condition.
    public var condition: Condition
    /// How the outputs for the condition and for another one, whose rows are given to samples alike, are combined; nil:
    /// only the former.
    public var guidance: (Guidance, unconditional: Condition)?
    /// What samples are made from, in the place of nothing but noise.
    public var editing: Editing?

    public init(
        sampler: any Sampler, sampleShape: [Int], count: Int, batchSize: Int, condition: Condition = .none
    ) {
        precondition(count >= 0 && batchSize > 0 && condition.count != 0)
        self.sampler = sampler
        self.sampleShape = sampleShape
        self.count = count
        self.batchSize = batchSize
        self.condition = condition
    }

    public var batchCount: Int { (count + batchSize - 1) / batchSize }
    /// Steps of one batch, each a call of the model.
    public var stepsPerBatch: Int { visits.count }
    public var totalSteps: Int { batchCount * stepsPerBatch }

    /// The numbers of the samples in batch `batch`.
    public func samples(of batch: Int) -> Range<Int> { batch * batchSize..<min(count, (batch + 1) * batchSize) }

    /// The sampler's steps in the order in which they are taken: each once, or again where editing says so.
    var visits: [Int] {
        let steps = sampler.steps.indices
        guard let again = editing?.resampling else { return Array(steps) }
        return stride(from: 0, to: steps.count, by: again.jumpLength).flatMap { start in
            let jump = start..<min(start + again.jumpLength, steps.count)
            return (0..<again.visits).flatMap { _ in jump }
        }
    }
}

/// Samples that are made from pictures: with noise put on them and taken off again (SDEdit, Meng et al. 2022), or where a mask says
/// what is known (inpainting).
public struct Editing {
    public struct Pictures {
        /// (N, ..., C), as the model sees them.
        public var x0: Tensor
        /// 1 where something new is to be made, 0 where the picture stays; its shape stretches to that of `x0`.
        public var mask: Tensor?
        /// How a model that was trained with known frames is told of those that the mask keeps; nil: it is not, and sees what is
        /// known as noisy as the rest.
        public var knownFrames: KnownFrames?

        public init(x0: Tensor, mask: Tensor?, knownFrames: KnownFrames? = nil) {
            self.x0 = x0
            self.mask = mask
            self.knownFrames = knownFrames
        }
    }

    /// Frames of clips that the model sees as they are, among those that it makes (Chen et al. 2024, "Diffusion Forcing").
    public struct KnownFrames: Sendable, Hashable {
        /// For each frame of a clip.
        public var isKnown: [Bool]
        /// The timestep that the model is told of them.
        public var timestep: Float
        /// How noisy they are shown.
        public var level: NoiseLevel

        public init(isKnown: [Bool], timestep: Float, level: NoiseLevel) {
            self.isKnown = isKnown
            self.timestep = timestep
            self.level = level
        }
    }

    /// Going back, so that what is new and what is known come to fit (RePaint, Lugmayr et al. 2022, section 4.2).
    public struct Resampling: Sendable, Hashable {
        /// Steps that are taken again together.
        public var jumpLength: Int
        /// How often in all.
        public var visits: Int

        /// - Parameters: both at least 1.
        public init(jumpLength: Int, visits: Int) {
            precondition(jumpLength > 0 && visits > 0)
            self.jumpLength = jumpLength
            self.visits = visits
        }
    }

    /// The pictures for the samples of these numbers.
    public var pictures: (Range<Int>, Device) throws -> Pictures
    /// Whether nothing of the pictures is seen in the beginning.
    public var beginsWithNoise: Bool
    public var resampling: Resampling?

    public init(
        beginsWithNoise: Bool = false, resampling: Resampling? = nil,
        pictures: @escaping (Range<Int>, Device) throws -> Pictures
    ) {
        self.beginsWithNoise = beginsWithNoise
        self.resampling = resampling
        self.pictures = pictures
    }
}
