public import TensorCore

/// An algorithm that turns noise into samples, one call of the denoiser at a time, stepped by its caller:
///
/// ```swift
/// var state = sampler.begin(shape, &noise, on: device)
/// while let step = sampler.step(after: state) {
///     let prediction = denoiser(sampler.modelInput(state), step.timestep)
///     sampler.advance(&state, prediction, &noise)
/// }
/// ```
///
/// A sampler never changes. What changes is the state, which can be saved and restored between any two steps.
public protocol Sampler: Sendable {
    /// The calls of the denoiser, in order. A method of higher order has several for each of its timesteps.
    var steps: [SamplingStep] { get }
    /// How noisy x is before each of `steps`.
    var levels: [NoiseLevel] { get }
    /// What the initial noise is multiplied by.
    var initialNoiseSigma: Double { get }
    /// Whether it wants the model's second half of channels, which says the variance.
    var takesVariance: Bool { get }
    /// What the denoiser is given at this point: x, scaled as the model was trained to see it.
    func modelInput(_ state: SamplerState) -> Tensor
    /// Goes one step on: x_t becomes x at the next step.
    ///
    /// - Parameters:
    ///   - prediction: the denoiser's output for `modelInput(state)` at `steps[state.index].timestep`, shaped as x; with twice
    ///     its channels for a sampler that takes the variance.
    ///   - noise: drawn from if, and only if, this step adds noise.
    func advance(_ state: inout SamplerState, _ prediction: Tensor, _ noise: inout NoiseSource)
}

/// One call of the denoiser.
public struct SamplingStep: Sendable, Hashable {
    /// What the denoiser is told; whole for samplers that stay on the training timesteps.
    public var timestep: Double

    public init(timestep: Double) { self.timestep = timestep }
}

/// x = signal * x_0 + noise * epsilon.
public struct NoiseLevel: Sendable, Hashable {
    public var signal: Double
    public var noise: Double

    public init(signal: Double, noise: Double) {
        self.signal = signal
        self.noise = noise
    }
}

/// Where a sampler is. With a `NoiseSource` it is all that is needed to go on.
public struct SamplerState {
    /// The samples so far, (N, ..., C).
    public var x: Tensor
    /// What a multistep sampler remembers, oldest first; the sampler says what it is.
    public var history: [Tensor]
    /// The step that comes next; `steps.count` when done.
    public var index: Int
    /// Steps taken, which are more than `index` where some were taken again. Counted by whoever does so.
    public var calls: Int
    /// The noise that the samples began with, where it is needed to the end.
    public var initialNoise: Tensor?
    /// What they are made from, where it is needed to the end.
    public var edited: Tensor?
    /// Channels that the denoiser is given beside x, to the end.
    public var joined: Tensor?

    public init(
        x: Tensor, history: [Tensor] = [], index: Int = 0, calls: Int? = nil, initialNoise: Tensor? = nil,
        edited: Tensor? = nil, joined: Tensor? = nil
    ) {
        self.x = x
        self.history = history
        self.index = index
        self.calls = calls ?? index
        self.initialNoise = initialNoise
        self.edited = edited
        self.joined = joined
    }
}

extension Sampler {
    public var initialNoiseSigma: Double { 1 }

    public var takesVariance: Bool { false }

    public func modelInput(_ state: SamplerState) -> Tensor { state.x }

    /// Pure noise, before the first step.
    public func begin(_ shape: Shape, _ noise: inout NoiseSource, on device: Device) -> SamplerState {
        let x = noise.initial(shape, on: device)
        return SamplerState(x: initialNoiseSigma == 1 ? x : x * Float(initialNoiseSigma))
    }

    /// Samples that are known, with as much noise as belongs before step `index`; themselves after the last.
    ///
    /// - Parameters:
    ///   - x0: (N, ..., C).
    ///   - noise: standard normal, shaped as `x0`.
    public func noised(_ x0: Tensor, _ noise: Tensor, at index: Int) -> Tensor {
        guard levels.indices.contains(index) else { return x0 }
        let level = levels[index]
        return x0 * Float(level.signal) + noise * Float(level.noise)
    }

    /// The step that comes next, or nil at the end.
    public func step(after state: SamplerState) -> SamplingStep? {
        steps.indices.contains(state.index) ? steps[state.index] : nil
    }
}
