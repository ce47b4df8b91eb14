public import Diffusion
public import Models
public import TensorCore

/// Samples to be drawn from a model, batch by batch.
public struct SamplingPlan: Sendable {
    public var sampler: any Sampler
    /// Extents of one sample, channels last.
    public var sampleShape: [Int]
    public var count: Int
    /// Samples in one pass of the model. With `philox` noise it changes no sample.
    public var batchSize: Int
    /// Sample i has class `classes[i % classes.count]`; nil for a model without classes.
    public var classes: [Int]?

    public init(sampler: any Sampler, sampleShape: [Int], count: Int, batchSize: Int, classes: [Int]? = nil) {
        precondition(count >= 0 && batchSize > 0 && classes?.isEmpty != true)
        self.sampler = sampler
        self.sampleShape = sampleShape
        self.count = count
        self.batchSize = batchSize
        self.classes = classes
    }

    public var batchCount: Int { (count + batchSize - 1) / batchSize }
    /// Calls of the model in all.
    public var totalSteps: Int { batchCount * sampler.steps.count }

    /// The numbers of the samples in batch `batch`.
    public func samples(of batch: Int) -> Range<Int> { batch * batchSize..<min(count, (batch + 1) * batchSize) }

    /// The classes of those samples.
    func labels(of batch: Int) -> ClassLabels? {
        classes.map { classes in .numbers(samples(of: batch).map { classes[$0 % classes.count] }) }
    }
}

/// Where a sampling stands: all that is needed to go on after an interruption with the same bits.
public struct SamplingCursor {
    /// Batches finished.
    public var batch: Int
    /// The batch in work, between two of its steps; nil before its first.
    public var state: SamplerState?
    public var noise: NoiseSource

    public init(batch: Int = 0, state: SamplerState? = nil, noise: NoiseSource) {
        self.batch = batch
        self.state = state
        self.noise = noise
    }

    /// Calls of the model done.
    public func stepsDone(_ plan: SamplingPlan) -> Int { batch * plan.sampler.steps.count + (state?.index ?? 0) }
}

/// Draws the samples of a plan. The caller pulls one step at a time and does all else in between: progress, previews,
/// saving the cursor, stopping.
public struct SamplingRun {
    public let plan: SamplingPlan
    /// Where it stands; between any two calls of `step` it can be saved.
    public private(set) var cursor: SamplingCursor
    private let model: any Denoiser
    private let device: Device

    /// What a step did.
    public enum Progress {
        /// One step of a batch is done; `x` is the state of its samples (N, ..., C).
        case step(batch: Int, index: Int, x: Tensor)
        /// The last step of a batch; `x` holds its finished samples.
        case finished(batch: Int, x: Tensor)
    }

    public init(_ plan: SamplingPlan, _ model: any Denoiser, from cursor: SamplingCursor, on device: Device) {
        self.plan = plan
        self.model = model
        self.cursor = cursor
        self.device = device
    }

    /// Takes the next step; nil when all samples are drawn.
    public mutating func step() -> Progress? {
        guard cursor.batch < plan.batchCount else { return nil }
        let batch = cursor.batch
        let samples = plan.samples(of: batch)
        cursor.noise.firstSample = samples.lowerBound
        var state =
            cursor.state
            ?? plan.sampler.begin(Shape([samples.count] + plan.sampleShape), &cursor.noise, on: device)
        if let step = plan.sampler.step(after: state) {
            let prediction = model(
                plan.sampler.modelInput(state),
                timesteps: [Float](repeating: Float(step.timestep), count: samples.count),
                classes: plan.labels(of: batch))
            plan.sampler.advance(&state, prediction, &cursor.noise)
        }
        if plan.sampler.step(after: state) == nil {
            cursor.batch += 1
            cursor.state = nil
            return .finished(batch: batch, x: state.x)
        }
        cursor.state = state
        return .step(batch: batch, index: state.index, x: state.x)
    }
}
