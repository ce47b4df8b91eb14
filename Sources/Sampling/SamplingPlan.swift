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
    /// The conditions of the samples of these numbers, a row each; asked for once a batch, before the model is loaded.
    public var condition: Conditions
    /// How the outputs for the condition and for another one are combined; nil: only the former.
    public var guidance: (Guidance, unconditional: Conditions)?
    /// What samples are made from, in the place of nothing but noise.
    public var editing: Editing?
    /// A second model that takes the last steps; nil: the first takes all.
    public var refinement: Refinement?

    /// The steps that a second model takes (Podell et al. 2023, section 2.5).
    public struct Refinement {
        /// Steps of the first model's sampler that are taken before.
        public var start: Int
        /// Its steps are those that are left.
        public var sampler: any Sampler
        public var condition: Conditions
        public var guidance: (Guidance, unconditional: Conditions)?

        public init(
            after start: Int, sampler: any Sampler, condition: @escaping Conditions,
            guidance: (Guidance, unconditional: Conditions)?
        ) {
            (self.start, self.sampler, self.condition, self.guidance) = (start, sampler, condition, guidance)
        }
    }

    public typealias Conditions = (_ samples: Range<Int>) throws -> Condition

    public init(
        sampler: any Sampler, sampleShape: [Int], count: Int, batchSize: Int,
        condition: @escaping Conditions = { _ in .none }
    ) {
        precondition(count >= 0 && batchSize > 0)
        self.sampler = sampler
        self.sampleShape = sampleShape
        self.count = count
        self.batchSize = batchSize
        self.condition = condition
    }

    /// Where sample i receives row i mod N of one condition.
    public init(sampler: any Sampler, sampleShape: [Int], count: Int, batchSize: Int, condition: Condition) {
        precondition(condition.count != 0)
        self.init(sampler: sampler, sampleShape: sampleShape, count: count, batchSize: batchSize) {
            condition.repeated(for: $0)
        }
    }

    public var batchCount: Int { (count + batchSize - 1) / batchSize }
    /// Steps of one batch, each a call of the model.
    public var stepsPerBatch: Int { visits.count }
    public var totalSteps: Int { batchCount * stepsPerBatch }

    /// The numbers of the samples in batch `batch`.
    public func samples(of batch: Int) -> Range<Int> { batch * batchSize..<min(count, (batch + 1) * batchSize) }

    /// The sampler's steps in the order in which they are taken: each once, or again where editing says so.
    var visits: [Int] {
        if let refinement { return Array(0..<refinement.start) + Array(refinement.sampler.steps.indices) }
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
        /// The standard deviation of `x0`, shaped alike, of which an autoencoder is not sure: a sample is then drawn for each
        /// result, as the pipelines of diffusers do. Nil: `x0` is taken as it is.
        public var deviation: Tensor?
        /// For a model that enlarges `x0`, images as large as its latents: how noisy it is given them, as further channels,
        /// while it samples from noise alone.
        public var enlargedAt: NoiseLevel?
        /// For a model that is given a mask and the rest of the image as further channels: the rest, as the model sees it,
        /// with its standard deviation.
        public var rest: (x0: Tensor, deviation: Tensor)?
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
